"""Evidence for tiers; the database itself refuses a grant that may not be."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from billing.entitlements import GrantKind
from billing.fields import TierField
from billing.invariants import APPROVED_WITHIN, GRANT_CONSTRAINTS, NEVER_SHORTENED
from billing.tiers import Tier


class GrantState(StrEnum):
    PENDING = "pending"
    LAPSED = "lapsed"
    COMING = "to come"
    LIVE = "live"
    OVER = "over"
    REVOKED = "revoked"


class GrantQuerySet(models.QuerySet["Grant"]):
    def pending(self, at: datetime) -> "GrantQuerySet":
        """Those that a second person may still approve."""
        unapproved = self.filter(tier=Tier.ENTERPRISE, approved_at=None, revoked_at=None)
        return unapproved.filter(created_at__gt=at - APPROVED_WITHIN)


class Grant(models.Model):
    """Evidence for a tier in a half-open time; only approved, revoked or extended later."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants"
    )
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in GrantKind])
    tier = TierField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500)
    # Of a trial that started by rule: the policy as it stood then.
    policy_snapshot = models.JSONField(null=True, blank=True, editable=False)
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

    objects = GrantQuerySet.as_manager()

    class Meta:
        permissions = (
            ("approve_grant", "Can approve an enterprise grant"),
            ("revoke_grant", "Can revoke a grant"),
            ("extend_trial", "Can extend a trial"),
        )
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["ends_at"],
                condition=models.Q(kind=GrantKind.TRIAL.value),
                name="grant_trial_end",
            ),
            # The list of all of them, newest first.
            models.Index(fields=["-created_at", "-id"], name="grant_newest"),
        ]
        constraints = GRANT_CONSTRAINTS
        triggers: ClassVar[list[pgtrigger.Trigger]] = [NEVER_SHORTENED]

    def __str__(self) -> str:
        return f"{self.kind} {self.tier} #{self.pk}"

    def stands(self, at: datetime) -> bool:
        """Is there still something to revoke?"""
        return self.state_at(at) not in (GrantState.REVOKED, GrantState.OVER)

    def state_at(self, at: datetime) -> GrantState:
        """What an operator calls it; an enterprise grant is pending until approved, or too late."""
        if self.revoked_at is not None:
            return GrantState.REVOKED
        if self.tier == Tier.ENTERPRISE and self.approved_at is None:
            in_time = at < self.created_at + APPROVED_WITHIN
            return GrantState.PENDING if in_time else GrantState.LAPSED
        if at < self.starts_at:
            return GrantState.COMING
        return GrantState.LIVE if self.ends_at is None or at < self.ends_at else GrantState.OVER
