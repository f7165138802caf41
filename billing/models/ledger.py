"""Every change of an account's effective tier, and where its ledger stands."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.fields import TierField
from billing.invariants import APPEND_ONLY, CHAIN, NO_TRUNCATE, one_of
from billing.tiers import Tier


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
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-seq"], name="tier_change_newest")
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [CHAIN, APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"#{self.seq} {self.before} to {self.after}"
