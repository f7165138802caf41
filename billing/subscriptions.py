"""From what the payment provider tells of a customer to the plan that is paid for, and words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from billing.tiers import Tier
from netra.words import day_words, gettext

# A card is charged again for so long after a renewal that failed, and the plan goes on.
ARREARS = timedelta(days=7)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Status(StrEnum):
    """Of a subscription, by the names that the provider gives."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"


# What never pays again; with anything else there is no second subscription.
OVER = frozenset({Status.INCOMPLETE_EXPIRED, Status.CANCELED})
# What is paid for, or still may be within ARREARS.
PAYING = frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A subscription as the provider tells it now.

    `ends_at` is when it ends without being renewed, or ended; `refunded` says that the whole of
    its last payment was given back.
    """

    provider_id: str
    status: Status
    price: str
    started_at: datetime
    period_starts_at: datetime
    period_ends_at: datetime
    ends_at: datetime | None
    refunded: bool

    @property
    def paid_until(self) -> datetime | None:
        """When the plan ends if nobody pays again; None while it renews itself."""
        if self.status is not Status.PAST_DUE:
            return self.ends_at
        arrears_end = self.period_starts_at + ARREARS
        return arrears_end if self.ends_at is None else min(arrears_end, self.ends_at)

    def pays(self, at: datetime) -> bool:
        until = self.paid_until
        return self.status in PAYING and not self.refunded and (until is None or at < until)

    @property
    def over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The plan that one subscription pays for, until a moment; None renews itself."""

    subscription: str
    tier: Tier
    until: datetime | None


def paid_plan(told: Collection[Told], tiers: Mapping[str, Tier], at: datetime) -> Paid | None:
    """Of all that is paid the highest plan, then the longest; what no price names does not count.

    `tiers` are the plans by the provider's prices. The order of what was told does not matter.
    """
    paid = (
        Paid(subscription=one.provider_id, tier=tiers[one.price], until=one.paid_until)
        for one in told
        if one.pays(at) and one.price in tiers
    )
    return max(
        paid,
        key=lambda one: (one.tier.rank, one.until or _NEVER, one.subscription),
        default=None,
    )


def next_look(told: Collection[Told], at: datetime) -> datetime | None:
    """When news is due of what is paid, now if it is overdue; whoever hears nothing then asks."""
    paying = [one for one in told if one.status in PAYING]
    moments = [m for one in paying for m in (one.period_ends_at, one.paid_until) if m is not None]
    if not moments:
        return None
    return min((moment for moment in moments if moment > at), default=at)


def words_of(told: Told, price: str) -> str:
    """What its customer is told of it; `price` is what is paid, such as "$50 a month"."""
    if told.refunded:
        return gettext("Your last payment was given back, and the plan with it.")
    match told.status:
        case Status.ACTIVE | Status.TRIALING if told.ends_at is not None:
            words = gettext("Your subscription ends on %(day)s and is not renewed.")
            return words % {"day": day_words(told.ends_at)}
        case Status.ACTIVE | Status.TRIALING:
            words = gettext("You pay %(price)s; the next payment is on %(day)s.")
            return words % {"price": price, "day": day_words(told.period_ends_at)}
        case Status.PAST_DUE:
            words = gettext(
                "Your last payment failed. Without another card the plan ends on %(day)s."
            )
            return words % {"day": day_words(told.paid_until or told.period_ends_at)}
        case Status.UNPAID:
            return gettext(
                "Your payments failed, and the plan has ended. Pay the open invoice to go on."
            )
        case Status.INCOMPLETE:
            return gettext("Your first payment is not complete yet.")
        case Status.PAUSED:
            return gettext("Your subscription is paused.")
        case Status.INCOMPLETE_EXPIRED | Status.CANCELED:
            return gettext("Your subscription has ended.")
        case _:
            assert_never(told.status)


def in_trouble(told: Told) -> bool:
    """Whether its customer has to do something for the plan."""
    return told.refunded or told.status in (Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE)
