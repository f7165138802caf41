"""Rows of billing; the database itself refuses whatever may not be."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from billing.catalogue import WINDOWS, LimitVersion
from billing.entitlements import GrantKind
from billing.fields import TierField
from billing.invariants import (
    APPEND_ONLY,
    CHAIN,
    GRANT_CONSTRAINTS,
    NO_TRUNCATE,
    TimeRange,
    one_of,
)
from billing.tiers import Tier

KEY_CHARACTERS_MAX = 200
# What a limit may be at most: four such sums are far from overflowing a bigint.
LIMIT_MAX = 1_000_000_000_000


class GrantState(StrEnum):
    PENDING = "pending"
    COMING = "to come"
    LIVE = "live"
    OVER = "over"
    REVOKED = "revoked"


class Grant(models.Model):
    """Evidence for a tier in a half-open time; only approval and revocation ever change it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants"
    )
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in GrantKind])
    tier = TierField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # From here on it does not count; at the earliest its start, when it never counted at all.
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    revoke_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = (
            ("approve_grant", "Can approve an enterprise grant"),
            ("revoke_grant", "Can revoke a grant"),
        )
        constraints = GRANT_CONSTRAINTS

    def __str__(self) -> str:
        return f"{self.kind} {self.tier} #{self.pk}"

    def state_at(self, at: datetime) -> GrantState:
        """What an operator calls it; an enterprise grant is pending until it is approved."""
        if self.revoked_at is not None:
            return GrantState.REVOKED
        if self.tier == Tier.ENTERPRISE and self.approved_at is None:
            return GrantState.PENDING
        if at < self.starts_at:
            return GrantState.COMING
        return GrantState.LIVE if self.ends_at is None or at < self.ends_at else GrantState.OVER


class Feature(models.Model):
    """Something that a tier and all above it may do."""

    name = models.SlugField(max_length=64, unique=True)
    lowest_tier = TierField()

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            one_of("lowest_tier", Tier, name="feature_tier_known")
        ]

    def __str__(self) -> str:
        return self.name


class TierLimit(models.Model):
    """One version of a tier's limit, valid in a half-open time; a change is a new version."""

    tier = TierField()
    limit = models.CharField(max_length=32, choices=[(name, name) for name in WINDOWS])
    value = models.BigIntegerField(null=True, blank=True, help_text="Empty is unlimited.")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            one_of("tier", Tier, name="tier_limit_tier_known"),
            one_of("limit", WINDOWS, name="tier_limit_known"),
            models.CheckConstraint(
                condition=Q(value=None) | Q(value__range=(0, LIMIT_MAX)),
                name="tier_limit_value_in_range",
                violation_error_message=f"A limit is between 0 and {LIMIT_MAX}, or empty.",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                name="tier_limit_has_period",
            ),
            ExclusionConstraint(
                name="tier_limit_versions_apart",
                expressions=[
                    ("tier", RangeOperators.EQUAL),
                    ("limit", RangeOperators.EQUAL),
                    (TimeRange("valid_from", F("valid_until")), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} {self.limit}"

    @property
    def version(self) -> LimitVersion:
        return LimitVersion(
            tier=Tier(self.tier),
            limit=self.limit,
            value=self.value,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


class UsageCounter(models.Model):
    """What one account used of one limit in one period; `limit` is what last let it grow."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="usage"
    )
    feature = models.CharField(max_length=32)
    period_start = models.DateTimeField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    limit = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "feature", "period_start"], name="usage_one_per_period"
            ),
            models.CheckConstraint(
                condition=Q(used__gte=0, reserved__gte=0), name="usage_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(limit=None) | Q(limit__gte=F("used") + F("reserved")),
                name="usage_within_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.used}+{self.reserved}"


class Reservation(models.Model):
    """An amount of one limit kept for the holder of a key, until settled, released or lapsed."""

    class State(models.TextChoices):
        HELD = "held"
        SETTLED = "settled"
        RELEASED = "released"
        # Its holder went silent and another took the place; the holder may take one again.
        LAPSED = "lapsed"

    key = models.CharField(max_length=KEY_CHARACTERS_MAX, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reservations"
    )
    feature = models.CharField(max_length=32)
    period_start = models.DateTimeField()
    amount = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    lapses_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["user", "feature", "period_start", "lapses_at"],
                condition=Q(state="held"),
                name="reservation_held",
            )
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount__gte=1), name="reservation_of_something"),
            one_of("state", ["held", "settled", "released", "lapsed"], name="reservation_state"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.state}"


class LedgerHead(models.Model):
    """Where an account's ledger stands: the lock, the sequence and the next moment to look."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    seq = models.BigIntegerField(default=0)
    replayed_until = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)

    def __str__(self) -> str:
        return f"ledger of {self.user_id} at {self.seq}"


class TierChange(models.Model):
    """Ledger of every change of an account's effective tier; append-only, numbered without gaps."""

    class Cause(models.TextChoices):
        GRANTED = "granted"
        APPROVED = "approved"
        REVOKED = "revoked"
        STARTED = "started"
        EXPIRED = "expired"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tier_changes"
    )
    seq = models.BigIntegerField()
    before = TierField()
    after = TierField()
    cause = models.CharField(max_length=16, choices=Cause.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "seq"], name="tier_change_seq"),
            models.CheckConstraint(condition=~Q(before=F("after")), name="tier_change_changes"),
            one_of("after", Tier, name="tier_change_tier_known"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [CHAIN, APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"#{self.seq} {self.before} to {self.after}"
