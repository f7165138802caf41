"""What plans cost, and what the payment provider told of who pays for which."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from billing.fields import TierField
from billing.invariants import TimeRange, one_of
from billing.prices import (
    AMOUNT_MAX,
    MONTHS_A_YEAR,
    PAID_TIERS,
    SOLD_TIERS,
    Currency,
    Interval,
    price_words,
)
from billing.subscriptions import OVER, Status, Told

PROVIDER_ID_MAX = 255


class Price(models.Model):
    """One version of what a tier costs, for a half-open time; who pays it goes on paying it."""

    tier = TierField(choices=[(tier.value, tier.value) for tier in PAID_TIERS])
    interval = models.CharField(max_length=8, choices=[(one.value, one.value) for one in Interval])
    amount = models.BigIntegerField(help_text="In the currency's smallest unit: 5000 is $50.")
    currency = models.CharField(max_length=3, choices=[(one.value, one.value) for one in Currency])
    provider_id = models.CharField(
        max_length=PROVIDER_ID_MAX,
        blank=True,
        help_text="The payment provider's price, such as price_1Q…; without it, it is not sold.",
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            one_of("tier", PAID_TIERS, name="price_tier_known"),
            one_of("interval", Interval, name="price_interval_known"),
            one_of("currency", Currency, name="price_currency_known"),
            models.CheckConstraint(
                condition=Q(amount__range=(1, AMOUNT_MAX)),
                name="price_amount_in_range",
                violation_error_message=f"A price is between 1 and {AMOUNT_MAX}.",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                name="price_has_period",
            ),
            models.UniqueConstraint(
                fields=["provider_id"], condition=~Q(provider_id=""), name="price_provider_id"
            ),
            # What is negotiated may cost each account something else.
            ExclusionConstraint(
                name="prices_apart",
                expressions=[
                    ("tier", RangeOperators.EQUAL),
                    ("interval", RangeOperators.EQUAL),
                    (TimeRange("valid_from", F("valid_until")), RangeOperators.OVERLAPS),
                ],
                condition=Q(tier__in=[tier.value for tier in SOLD_TIERS]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier}: {self.words}"

    @property
    def words(self) -> str:
        return price_words(self.amount, self.currency, self.interval)

    def sold(self, at: datetime) -> bool:
        """Whether anybody may begin to pay it."""
        valid = self.valid_from <= at and (self.valid_until is None or at < self.valid_until)
        return valid and self.tier in SOLD_TIERS and bool(self.provider_id)

    @property
    def monthly_amount(self) -> int:
        """What it brings a month, rounded down to the smallest unit."""
        return self.amount if self.interval == Interval.MONTH else self.amount // MONTHS_A_YEAR


class Customer(models.Model):
    """An account as the payment provider knows it; an account has one."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="customer"
    )
    provider_id = models.CharField(max_length=PROVIDER_ID_MAX, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    # How often the provider was asked how this customer stands, and the last of the answers that
    # was written here: an answer to an earlier question may be older, whenever it comes.
    asked = models.BigIntegerField(default=0)
    answered = models.BigIntegerField(default=0)
    # When it is to be asked again, whatever it tells by itself.
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    # How many pages of checkout were opened; two of one number are one.
    checkouts = models.BigIntegerField(default=0)
    # Since when the account is gone, and its subscriptions are to end.
    closing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(answered__gte=0, asked__gte=F("answered")),
                name="customer_answers_were_asked_for",
            ),
        ]

    def __str__(self) -> str:
        return self.provider_id


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def paying(self) -> "SubscriptionQuerySet":
        """What brings money each period, at a price that is known."""
        paying = (Status.ACTIVE.value, Status.PAST_DUE.value)
        return self.filter(status__in=paying, refunded=False, price__isnull=False)

    def going_on(self) -> "SubscriptionQuerySet":
        """What may still be paid; with one of these there is no second."""
        return self.exclude(status__in=[status.value for status in OVER])


class Subscription(models.Model):
    """What a customer pays for, as the provider last told; what it allows is a grant."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    provider_id = models.CharField(max_length=PROVIDER_ID_MAX, unique=True)
    status = models.CharField(max_length=24, choices=[(one.value, one.value) for one in Status])
    price = models.ForeignKey(
        Price, null=True, blank=True, on_delete=models.PROTECT, related_name="subscriptions"
    )
    started_at = models.DateTimeField()
    period_starts_at = models.DateTimeField()
    period_ends_at = models.DateTimeField()
    # When it ends without being renewed, or has ended.
    ends_at = models.DateTimeField(null=True, blank=True)
    # The whole of the last payment was given back.
    refunded = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            one_of("status", Status, name="subscription_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.status}"

    @property
    def told(self) -> Told:
        """As it was told last, but for a price that no row names."""
        return Told(
            provider_id=self.provider_id,
            status=Status(self.status),
            price="" if self.price is None else self.price.provider_id,
            started_at=self.started_at,
            period_starts_at=self.period_starts_at,
            period_ends_at=self.period_ends_at,
            ends_at=self.ends_at,
            refunded=self.refunded,
        )


class WebhookEvent(models.Model):
    """One piece of news from the payment provider: kept once, and acted on until it is done."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        # Tried for hours in vain; an operator looks why, and tries again.
        FAILED = "failed"

    provider_id = models.CharField(max_length=PROVIDER_ID_MAX, unique=True)
    kind = models.CharField(max_length=100)
    customer = models.CharField(max_length=PROVIDER_ID_MAX)
    created_at = models.DateTimeField(help_text="By the provider's clock.")
    received_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # From then on whoever comes first may act on it; while somebody does, when it is given up.
    due_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = (("retry_webhookevent", "Can let a webhook event be tried again"),)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at"], condition=Q(state="waiting"), name="webhook_event_waiting"
            ),
            models.Index(fields=["received_at"], name="webhook_event_received"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            one_of("state", ["waiting", "done", "failed"], name="webhook_event_state"),
            models.CheckConstraint(
                condition=Q(state="done", done_at__isnull=False)
                | ~Q(state="done") & Q(done_at=None),
                name="webhook_event_done_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.provider_id}"
