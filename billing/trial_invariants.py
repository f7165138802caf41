"""What the database itself refuses of trials: rules that overlap, and extensions past all rules."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q

from billing.errors import TRIAL_REFUSAL_WORDS, TrialRefusal
from billing.invariants import TRIAL_MAX, Refusal, TimeRange, one_of
from billing.tiers import Tier
from billing.trials import TrialEnvironment

# Enterprise needs a second person, and nothing needs a trial of free.
POLICY_TIERS = (Tier.EARLY, Tier.MID)

POLICY_CONSTRAINTS: list[models.BaseConstraint] = [
    one_of("environment", TrialEnvironment, name="trial_policy_environment_known"),
    models.CheckConstraint(
        condition=Q(days__range=(1, TRIAL_MAX.days)),
        name="trial_policy_1_to_30_days",
        violation_error_message="A trial lasts between 1 and 30 days.",
    ),
    models.CheckConstraint(
        condition=Q(fallback_tier__in=["", *(tier.value for tier in POLICY_TIERS)]),
        name="trial_policy_tier_known",
    ),
    models.CheckConstraint(
        condition=Q(trials_per_organisation=None) | Q(trials_per_organisation__gte=1),
        name="trial_policy_organisation_has_one",
        violation_error_message="At least one trial for an organisation, or empty for any number.",
    ),
    models.CheckConstraint(
        condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
        name="trial_policy_has_period",
    ),
    ExclusionConstraint(
        name="trial_policies_apart",
        expressions=[
            ("environment", RangeOperators.EQUAL),
            ("mailbox_kind", RangeOperators.EQUAL),
            (TimeRange("valid_from", F("valid_until")), RangeOperators.OVERLAPS),
        ],
    ),
]


def _refuses(refusal: TrialRefusal) -> Refusal:
    return {
        "violation_error_code": refusal.value,
        "violation_error_message": TRIAL_REFUSAL_WORDS[refusal],
    }


EXTENSION_CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(
        condition=Q(days__range=(1, TRIAL_MAX.days)),
        name="trial_extension_days",
        **_refuses(TrialRefusal.DAYS_OF_TRIAL),
    ),
    models.CheckConstraint(
        condition=~Q(reason=""),
        name="trial_extension_has_reason",
        **_refuses(TrialRefusal.NO_REASON),
    ),
    models.CheckConstraint(
        condition=Q(actor=None) | ~Q(actor=F("user")),
        name="trial_extension_by_another",
        **_refuses(TrialRefusal.OWN_ACCOUNT),
    ),
]
