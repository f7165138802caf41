"""The first provider tiers, domain policies and the role of support; what exists stays."""

from django.apps.registry import Apps
from django.apps.registry import apps as present_apps

from accounts.policy import FIRST_DOMAIN_POLICIES, FIRST_PROVIDER_TIERS
from billing.roles import SUPPORT

# Of staff and superusers none of this changes anything; rights are superusers' to give.
SUPPORT_MAY = frozenset(
    {
        *("view_user", "change_user", "view_auditevent", "view_identityevidence"),
        *("view_loginfailure", "impersonate_user", "remove_second_factor"),
    }
)


def sow(*, using: str, apps: Apps = present_apps, **_signal: object) -> None:
    """Receive post_migrate: insert what is missing, in any number of processes at once."""
    try:
        tiers = apps.get_model("accounts.ProviderTier")
        policies = apps.get_model("accounts.DomainPolicy")
    except LookupError:
        return  # migrated back to before there were any
    tiers.objects.using(using).bulk_create(
        [
            tiers(provider=provider, tier=tier, own_domain_only=own_domain_only)
            for provider, tier, own_domain_only in FIRST_PROVIDER_TIERS
        ],
        ignore_conflicts=True,
    )
    policies.objects.using(using).bulk_create(
        [
            policies(domain=domain, recommends=recommends, grants=grants)
            for domain, recommends, grants in FIRST_DOMAIN_POLICIES
        ],
        ignore_conflicts=True,
    )
    _sow_role(using, apps)


def _sow_role(using: str, apps: Apps) -> None:
    """Give the group of support what it needs; what operators gave it besides stays."""
    groups, permissions = apps.get_model("auth.Group"), apps.get_model("auth.Permission")
    groups.objects.using(using).bulk_create([groups(name=SUPPORT)], ignore_conflicts=True)
    known = permissions.objects.using(using).filter(
        content_type__app_label="accounts", codename__in=SUPPORT_MAY
    )
    # Migrated back, some of them are not there.
    groups.objects.using(using).get(name=SUPPORT).permissions.add(*known)
