"""First limits, features, prices and rules of trials; what exists stays as operators left it."""

from typing import Any

from django.apps.registry import Apps
from django.apps.registry import apps as present_apps

from billing.catalogue import FIRST_FEATURES, FIRST_LIMITS
from billing.periods import ALWAYS
from billing.prices import FIRST_PRICES, Currency, Interval
from billing.roles import ROLES
from billing.selectors import forget_catalogue
from billing.tiers import Tier
from billing.trials import FIRST_FALLBACK, FIRST_POLICIES


def sow(*, using: str, apps: Apps = present_apps, **_signal: object) -> None:
    """Receive post_migrate: insert what is missing, in any number of processes at once."""
    try:
        limits, features = apps.get_model("billing.TierLimit"), apps.get_model("billing.Feature")
        policies = apps.get_model("billing.TrialPolicy")
        prices = apps.get_model("billing.Price")
    except LookupError:
        return  # migrated back to before billing had these rows
    # Versions of a limit tile all time from ALWAYS on, so the first one conflicts with any.
    limits.objects.using(using).bulk_create(
        [
            limits(tier=tier, limit=limit, value=value, valid_from=ALWAYS)
            for limit, values in FIRST_LIMITS.items()
            for tier, value in zip(Tier, values, strict=True)
        ],
        ignore_conflicts=True,
    )
    features.objects.using(using).bulk_create(
        [features(name=name, lowest_tier=tier) for name, tier in FIRST_FEATURES.items()],
        ignore_conflicts=True,
    )
    # As with limits: a rule that was ended has a version after it.
    policies.objects.using(using).bulk_create(
        [
            policies(
                environment=first.environment,
                mailbox_kind=first.mailbox_kind,
                days=first.days,
                fallback_tier=FIRST_FALLBACK,
                valid_from=ALWAYS,
            )
            for first in FIRST_POLICIES
        ],
        ignore_conflicts=True,
    )
    prices.objects.using(using).bulk_create(
        [
            prices(
                tier=tier,
                interval=Interval.MONTH.value,
                amount=amount,
                currency=Currency.USD.value,
                valid_from=ALWAYS,
            )
            for tier, amount in FIRST_PRICES.items()
        ],
        ignore_conflicts=True,
    )
    _sow_roles(using, apps)
    forget_catalogue()


def _sow_roles(using: str, apps: Apps) -> None:
    """Give the groups of staff what is theirs; what operators gave them besides stays."""
    groups, permissions = apps.get_model("auth.Group"), apps.get_model("auth.Permission")
    groups.objects.using(using).bulk_create(
        [groups(name=name) for name in ROLES], ignore_conflicts=True
    )
    ids = dict(groups.objects.using(using).filter(name__in=ROLES).values_list("name", "pk"))
    wanted = {permission for theirs in ROLES.values() for permission in theirs}
    known = permissions.objects.using(using).filter(
        codename__in={permission.partition(".")[2] for permission in wanted}
    )
    named = {
        f"{app}.{codename}": key
        for key, app, codename in known.values_list("pk", "content_type__app_label", "codename")
    }
    of_group: Any = groups._meta.get_field("permissions")
    given = of_group.remote_field.through
    given.objects.using(using).bulk_create(
        [
            given(group_id=ids[name], permission_id=named[permission])
            for name, theirs in ROLES.items()
            for permission in theirs
            # Migrated back, some of them are not there.
            if permission in named
        ],
        ignore_conflicts=True,
    )
