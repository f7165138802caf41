"""What the database itself refuses: the constraints of a grant, the triggers of the ledger."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypedDict

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Least

from billing.entitlements import GrantKind
from billing.errors import REFUSAL_WORDS, GrantRefusal
from billing.tiers import Tier

TRIAL_MIN = timedelta(days=1)
TRIAL_MAX = timedelta(days=30)
# A second person who hears of a grant later than this no longer knows what it was given for.
APPROVED_WITHIN = timedelta(days=7)


class TimeRange(Func):
    """The half-open range [from, until) of two moments; NULL never ends."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()

    def __init__(self, start: str, end: F | Func) -> None:
        super().__init__(start, end, RangeBoundary())


class Refusal(TypedDict):
    violation_error_code: str
    violation_error_message: str


def _refuses(refusal: GrantRefusal) -> Refusal:
    return {
        "violation_error_code": refusal.value,
        "violation_error_message": REFUSAL_WORDS[refusal],
    }


def one_of(field: str, words: Iterable[str], *, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(**{f"{field}__in": [str(word) for word in words]}), name=name
    )


# A revoked grant stands in nobody's way from its revocation on.
WHILE_IT_COUNTS = (
    TimeRange("starts_at", Least("ends_at", "revoked_at")),
    RangeOperators.OVERLAPS,
)

GRANT_CONSTRAINTS: list[models.BaseConstraint] = [
    one_of("kind", GrantKind, name="grant_kind_known"),
    one_of("tier", Tier, name="grant_tier_known"),
    models.CheckConstraint(
        condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
        name="grant_has_period",
        **_refuses(GrantRefusal.NO_PERIOD),
    ),
    models.CheckConstraint(
        condition=~Q(kind=GrantKind.TRIAL.value)
        | Q(
            ends_at__isnull=False,
            ends_at__gte=F("starts_at") + Value(TRIAL_MIN),
            ends_at__lte=F("starts_at") + Value(TRIAL_MAX),
        ),
        name="grant_trial_1_to_30_days",
        **_refuses(GrantRefusal.DAYS_OF_TRIAL),
    ),
    models.CheckConstraint(
        condition=~Q(kind=GrantKind.PROVIDER.value, tier=Tier.ENTERPRISE.value),
        name="grant_provider_not_enterprise",
        **_refuses(GrantRefusal.ENTERPRISE_BY_PROVIDER),
    ),
    models.CheckConstraint(
        condition=~Q(reason=""), name="grant_has_reason", **_refuses(GrantRefusal.NO_REASON)
    ),
    models.CheckConstraint(
        condition=Q(actor=None) | ~Q(actor=F("user")),
        name="grant_by_another",
        **_refuses(GrantRefusal.OWN_ACCOUNT),
    ),
    models.CheckConstraint(
        condition=Q(approved_at=None, approved_by=None)
        | Q(
            approved_at__isnull=False,
            approved_by__isnull=False,
            tier=Tier.ENTERPRISE.value,
        ),
        name="grant_approval_whole",
        **_refuses(GrantRefusal.NO_APPROVAL_NEEDED),
    ),
    models.CheckConstraint(
        condition=Q(approved_by=None) | Q(actor=None) | ~Q(approved_by=F("actor")),
        name="grant_second_person",
        **_refuses(GrantRefusal.SAME_PERSON),
    ),
    models.CheckConstraint(
        condition=Q(approved_by=None) | ~Q(approved_by=F("user")),
        name="grant_approved_by_another",
        **_refuses(GrantRefusal.OWN_ACCOUNT),
    ),
    models.CheckConstraint(
        condition=Q(approved_at=None) | Q(approved_at__lt=F("created_at") + Value(APPROVED_WITHIN)),
        name="grant_approved_in_time",
        **_refuses(GrantRefusal.TOO_LATE),
    ),
    models.CheckConstraint(
        condition=Q(revoked_at=None, revoked_by=None, revoke_reason="")
        | Q(revoked_at__isnull=False, revoked_at__gte=F("starts_at")) & ~Q(revoke_reason=""),
        name="grant_revocation_whole",
        **_refuses(GrantRefusal.NO_REASON),
    ),
    ExclusionConstraint(
        name="grant_trials_apart",
        expressions=[
            ("user", RangeOperators.EQUAL),
            WHILE_IT_COUNTS,
        ],
        condition=Q(kind=GrantKind.TRIAL.value),
        **_refuses(GrantRefusal.TRIAL_OVERLAPS),
    ),
    ExclusionConstraint(
        name="grant_subscriptions_apart",
        expressions=[
            ("user", RangeOperators.EQUAL),
            WHILE_IT_COUNTS,
        ],
        condition=Q(kind=GrantKind.SUBSCRIPTION.value),
        **_refuses(GrantRefusal.SUBSCRIPTION_OVERLAPS),
    ),
    ExclusionConstraint(
        name="grant_sources_apart",
        expressions=[
            ("user", RangeOperators.EQUAL),
            ("kind", RangeOperators.EQUAL),
            ("source", RangeOperators.EQUAL),
            WHILE_IT_COUNTS,
        ],
        condition=~Q(source=""),
        **_refuses(GrantRefusal.SOURCE_OVERLAPS),
    ),
]
# Row by row: each account's rows are numbered 1, 2, 3, … and each begins where the last one ended.
CHAIN = pgtrigger.Trigger(
    name="chain",
    when=pgtrigger.Before,
    operation=pgtrigger.Insert,
    declare=[("last_seq", "bigint"), ("last_after", "text")],
    func=pgtrigger.Func(  # type: ignore[no-untyped-call]  # pgtrigger leaves it untyped
        """
        SELECT {columns.seq}, {columns.after} INTO last_seq, last_after FROM {meta.db_table}
        WHERE {columns.user} = NEW.{columns.user} ORDER BY {columns.seq} DESC LIMIT 1;
        IF NEW.{columns.seq} <> COALESCE(last_seq, 0) + 1
            OR NEW.{columns.before} <> COALESCE(last_after, 'free') THEN
            RAISE EXCEPTION 'a ledger row does not follow the last one'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
        """
    ),
)
# A trial that runs is revoked or made longer, whatever a policy, a calendar or a job says.
NEVER_SHORTENED = pgtrigger.Trigger(
    name="trial_never_shortened",
    when=pgtrigger.Before,
    operation=pgtrigger.Update,
    condition=pgtrigger.Condition("OLD.kind = 'trial'"),
    func=pgtrigger.Func(  # type: ignore[no-untyped-call]  # pgtrigger leaves it untyped
        """
        IF NEW.{columns.ends_at} IS NULL OR NEW.{columns.ends_at} < OLD.{columns.ends_at}
            OR NEW.{columns.starts_at} <> OLD.{columns.starts_at}
            OR NEW.{columns.kind} <> OLD.{columns.kind}
            OR NEW.{columns.tier} <> OLD.{columns.tier}
            OR NEW.{columns.user} <> OLD.{columns.user} THEN
            RAISE EXCEPTION 'a trial is extended or revoked, never shortened or changed'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'grant_trial_never_shortened';
        END IF;
        RETURN NEW;
        """
    ),
)
APPEND_ONLY = pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
NO_TRUNCATE = pgtrigger.Trigger(
    name="no_truncate",
    level=pgtrigger.Statement,
    when=pgtrigger.Before,
    operation=pgtrigger.Truncate,
    func="RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;",
)
