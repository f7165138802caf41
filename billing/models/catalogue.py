"""What each tier may do, as rows that operators edit."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q

from billing.catalogue import LIMIT_MAX, WINDOWS, LimitVersion
from billing.fields import TierField
from billing.invariants import TimeRange, one_of
from billing.tiers import Tier


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
