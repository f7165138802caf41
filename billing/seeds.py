"""First limits, features and rules of trials; what exists is the operators' and stays as it is."""

from django.apps.registry import Apps
from django.apps.registry import apps as present_apps

from billing.catalogue import FIRST_FEATURES, FIRST_LIMITS
from billing.periods import ALWAYS
from billing.selectors import forget_catalogue
from billing.tiers import Tier
from billing.trials import FIRST_FALLBACK, FIRST_POLICIES


def sow(*, using: str, apps: Apps = present_apps, **_signal: object) -> None:
    """Receive post_migrate: insert what is missing, in any number of processes at once."""
    try:
        limits, features = apps.get_model("billing.TierLimit"), apps.get_model("billing.Feature")
        policies = apps.get_model("billing.TrialPolicy")
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
    forget_catalogue()
