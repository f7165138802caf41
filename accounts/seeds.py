"""The first provider tiers and domain policies; rows that exist are the operators' and stay."""

from django.apps.registry import Apps
from django.apps.registry import apps as present_apps

from accounts.policy import FIRST_DOMAIN_POLICIES, FIRST_PROVIDER_TIERS


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
