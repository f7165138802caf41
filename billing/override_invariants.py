"""What the database itself refuses of exceptions that staff make for one account."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Least

from billing.catalogue import LIMIT_MAX, WINDOWS
from billing.errors import OVERRIDE_REFUSAL_WORDS, OverrideRefusal
from billing.invariants import Refusal, TimeRange
from billing.overrides import ALLOWED, DENIED


def _refuses(refusal: OverrideRefusal) -> Refusal:
    return {
        "violation_error_code": refusal.value,
        "violation_error_message": OVERRIDE_REFUSAL_WORDS[refusal],
    }


OVERRIDE_CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(
        condition=Q(feature__in=list(WINDOWS)) & (Q(value=None) | Q(value__range=(0, LIMIT_MAX)))
        | Q(value__isnull=False, value__in=(DENIED, ALLOWED)),
        name="feature_override_value_in_range",
        **_refuses(OverrideRefusal.VALUE),
    ),
    models.CheckConstraint(
        condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
        name="feature_override_has_period",
        **_refuses(OverrideRefusal.NO_PERIOD),
    ),
    models.CheckConstraint(
        condition=~Q(reason=""),
        name="feature_override_has_reason",
        **_refuses(OverrideRefusal.NO_REASON),
    ),
    models.CheckConstraint(
        condition=Q(actor=None) | ~Q(actor=F("user")),
        name="feature_override_by_another",
        **_refuses(OverrideRefusal.OWN_ACCOUNT),
    ),
    models.CheckConstraint(
        condition=Q(ended_at=None, ended_by=None, end_reason="")
        | Q(ended_at__isnull=False, ended_at__gte=F("starts_at")) & ~Q(end_reason=""),
        name="feature_override_end_whole",
        **_refuses(OverrideRefusal.NO_REASON),
    ),
    models.CheckConstraint(
        condition=Q(ended_by=None) | ~Q(ended_by=F("user")),
        name="feature_override_ended_by_another",
        **_refuses(OverrideRefusal.OWN_ACCOUNT),
    ),
    ExclusionConstraint(
        name="feature_overrides_apart",
        expressions=[
            ("user", RangeOperators.EQUAL),
            ("feature", RangeOperators.EQUAL),
            (TimeRange("starts_at", Least("ends_at", "ended_at")), RangeOperators.OVERLAPS),
        ],
        **_refuses(OverrideRefusal.OVERLAPS),
    ),
]
# The rows are the ledger of exceptions: each is written once, and ended once.
ENDED_ONCE = pgtrigger.Trigger(
    name="ended_once",
    when=pgtrigger.Before,
    operation=pgtrigger.Update | pgtrigger.Delete,
    declare=[("kept", "billing_featureoverride")],
    func=pgtrigger.Func(  # type: ignore[no-untyped-call]  # pgtrigger leaves it untyped
        """
        IF TG_OP = 'UPDATE' AND OLD.{columns.ended_at} IS NULL THEN
            kept := NEW;
            kept.{columns.ended_at} := OLD.{columns.ended_at};
            kept.{columns.ended_by} := OLD.{columns.ended_by};
            kept.{columns.end_reason} := OLD.{columns.end_reason};
            IF kept IS NOT DISTINCT FROM OLD THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'an override is ended once and never changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'feature_override_ended_once';
        """
    ),
)
