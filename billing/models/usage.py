"""What accounts have used of their limits, and what is reserved of them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from billing.catalogue import WARN_AT_PERCENT
from billing.invariants import one_of

KEY_CHARACTERS_MAX = 200


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
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["period_start"],
                condition=Q(feature="runs_month"),
                name="usage_of_month",
            )
        ]
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
    # By the database's clock. Null where the holder is a row, too, which is never silent.
    lapses_at = models.DateTimeField(null=True, blank=True)
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


class UsageWarning(models.Model):
    """One mail about a limit of a period that is nearly, or wholly, used up."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    feature = models.CharField(max_length=32)
    period_start = models.DateTimeField()
    percent = models.PositiveSmallIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    # Until then whoever took it is sending it.
    taken_until = models.DateTimeField()
    # When it was sent, or found to be needless.
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "feature", "period_start", "percent"], name="usage_warning_once"
            ),
            models.CheckConstraint(
                condition=Q(percent__in=WARN_AT_PERCENT), name="usage_warning_percent_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.feature}"
