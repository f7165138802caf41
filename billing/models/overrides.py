"""Exceptions from the tiers' limits and features, made by staff for one account."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from billing.invariants import NO_TRUNCATE
from billing.override_invariants import ENDED_ONCE, OVERRIDE_CONSTRAINTS
from billing.overrides import value_words


class FeatureOverride(models.Model):
    """Another value for one account in a half-open time; only ended later, and once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="overrides"
    )
    feature = models.CharField(max_length=64)
    value = models.BigIntegerField(null=True, blank=True, help_text="Empty is unlimited.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    request_id = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # From here on it does not count; at the earliest its start, when it never counted at all.
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    end_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = (("end_featureoverride", "Can end a feature override"),)
        constraints = OVERRIDE_CONSTRAINTS
        triggers: ClassVar[list[pgtrigger.Trigger]] = [ENDED_ONCE, NO_TRUNCATE]

    def __str__(self) -> str:
        return value_words(self.feature, self.value)

    def state_at(self, at: datetime) -> str:
        """What an operator calls it."""
        if self.ended_at is not None:
            return "ended"
        if at < self.starts_at:
            return "to come"
        return "live" if self.ends_at is None or at < self.ends_at else "over"
