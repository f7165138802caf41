"""What plans cost: amounts in the smallest unit of their currency, and the first price list."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from billing.tiers import Tier
from netra.words import gettext, gettext_noop, grouped

# Sold by the page; free costs nothing, and enterprise is negotiated.
SOLD_TIERS = (Tier.EARLY, Tier.MID)
PAID_TIERS = (*SOLD_TIERS, Tier.ENTERPRISE)
MONTHS_A_YEAR = 12
# A million in a currency of hundredths: more is a slip of the hand.
AMOUNT_MAX = 100_000_000


class Interval(StrEnum):
    """How often a price is paid."""

    MONTH = "month"
    YEAR = "year"


class Currency(StrEnum):
    """What can be paid in; each has a hundred of its smallest unit."""

    USD = "usd"
    EUR = "eur"
    GBP = "gbp"
    CHF = "chf"


_SIGNS: Mapping[Currency, str] = MappingProxyType(
    {Currency.USD: "$", Currency.EUR: "€", Currency.GBP: "£", Currency.CHF: "CHF "}
)

_EACH: Mapping[Interval, str] = MappingProxyType(
    {
        Interval.MONTH: gettext_noop("%(amount)s a month"),
        Interval.YEAR: gettext_noop("%(amount)s a year"),
    }
)

# Of plans that no row sells.
NEGOTIATED_WORDS = gettext_noop("by agreement")

# First values, in cents of a US dollar a month. Operators edit the rows, not this table.
FIRST_PRICES: Mapping[Tier, int] = MappingProxyType({Tier.EARLY: 5_000, Tier.MID: 10_000})


def amount_words(amount: int, currency: str) -> str:
    """An amount as people write it, such as "$50" or "€49.50"."""
    whole, part = divmod(amount, 100)
    sign = _SIGNS[Currency(currency)]
    shown = grouped(Decimal(amount) / 100, places=2) if part else grouped(whole)
    return f"{sign}{shown}"


def price_words(amount: int, currency: str, interval: str) -> str:
    """What is paid and how often, such as "$50 a month"."""
    words = _EACH[Interval(interval)]
    return gettext(words) % {"amount": amount_words(amount, currency)}
