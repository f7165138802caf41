"""An account's plan as its page tells it: what is used, what comes next, what another has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from billing.catalogue import (
    LIMIT_WORDS,
    WINDOWS,
    Catalogue,
    feature_words,
    number_words,
    percent_reached,
)
from billing.entitlements import Entitlements
from billing.overrides import ALLOWED, DENIED, value_words
from billing.periods import Window
from billing.prices import NEGOTIATED_WORDS, Currency, Interval, price_words
from billing.tiers import Tier
from billing.trials import TrialEnding
from netra.words import gettext, gettext_noop, grouped

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "runs_month": gettext_noop("Runs this month"),
        "messages_minute": gettext_noop("Messages this minute"),
        "concurrent_runs": gettext_noop("Runs at once"),
        "concurrent_connections": gettext_noop("Connections at once"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One limit as an account sees it; `used` counts what is reserved and not lapsed."""

    feature: str
    used: int
    limit: int | None
    resets_at: datetime | None

    @property
    def percent_reached(self) -> int | None:
        """Of the parts at which a warning is due, the highest that is used; None below them."""
        return percent_reached(self.used, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A limit that is counted, with the next plan that has more of it."""

    usage: Usage
    overridden: bool
    higher: tuple[Tier, str] | None

    @property
    def title(self) -> str:
        return gettext(TITLES[self.usage.feature])

    @property
    def told(self) -> str:
        told = {"used": grouped(self.usage.used), "limit": number_words(self.usage.limit)}
        return gettext("%(used)s of %(limit)s") % told

    @property
    def percent(self) -> int:
        return self.usage.used * 100 // self.usage.limit if self.usage.limit else 0

    @property
    def tone(self) -> str:
        """How near the limit is: full, near, or nothing to say."""
        reached = self.usage.percent_reached
        if self.usage.limit == 0 or reached == 100:
            return "full"
        return "calm" if reached is None else "near"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """What differs from a moment on, if nobody does anything."""

    at: datetime
    tier: Tier
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A price of a plan, by its row; `sold` unless the payment provider does not know it."""

    price: int
    tier: Tier
    currency: str
    words: str
    sold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What the account pays, and what it could; nothing is sold while payments are not configured.

    `words` is empty without a subscription, `known` says that there may be invoices.
    """

    configured: bool
    known: bool
    words: str
    in_trouble: bool
    offers: tuple[Offer, ...]

    @property
    def unsold(self) -> bool:
        return not all(offer.sold for offer in self.offers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One plan to compare."""

    tier: Tier
    price: str
    limits: Mapping[str, int | None]
    features: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the comparison: a cell for each plan, and whether it is more than one has."""

    title: str
    cells: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    entitled: Entitlements
    ending: TrialEnding | None
    coming: Coming | None
    payment: Payment
    meters: tuple[Meter, ...]
    # What is not counted: how long things last.
    spans: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def meters(
    entitled: Entitlements, usage: Sequence[Usage], catalogue: Catalogue, at: datetime
) -> tuple[Meter, ...]:
    """A meter for each counted limit; where staff made an exception, no plan has more."""
    return tuple(_meter(entitled, each, catalogue, at) for each in usage)


def coming_change(now: Entitlements, then: Entitlements, at: datetime) -> Coming:
    """From one moment to another: the limits and features that differ, as they will be."""
    limits = [
        value_words(name, value) for name, value in then.limits.items() if value != now.limits[name]
    ]
    lost = [value_words(feature, DENIED) for feature in sorted(now.features - then.features)]
    won = [value_words(feature, ALLOWED) for feature in sorted(then.features - now.features)]
    return Coming(at=at, tier=then.tier, differences=(*limits, *won, *lost))


def spans(entitled: Entitlements) -> tuple[str, ...]:
    """The limits that nothing is counted of."""
    uncounted = (name for name, window in WINDOWS.items() if window is Window.SPAN)
    return tuple(value_words(name, entitled.limits[name]) for name in uncounted)


def columns(catalogue: Catalogue, offers: Sequence[Offer], at: datetime) -> tuple[Column, ...]:
    """Every plan, as its rows are now."""
    return tuple(
        Column(
            tier=tier,
            price=_price(tier, offers),
            limits=catalogue.limits_of(tier, at),
            features=catalogue.features_of(tier),
        )
        for tier in Tier
    )


def rows(entitled: Entitlements, compared: Sequence[Column]) -> tuple[Row, ...]:
    """The plans line by line: every limit, then every feature."""
    features = sorted(set().union(*(column.features for column in compared)))
    return (
        *(
            Row(
                title=_capital(gettext(words)),
                cells=tuple(
                    (number_words(c.limits[name]), _more(c.limits[name], entitled.limits[name]))
                    for c in compared
                ),
            )
            for name, words in LIMIT_WORDS.items()
        ),
        *(
            Row(
                title=_capital(feature_words(feature)),
                cells=tuple(
                    (gettext("yes"), feature not in entitled.features)
                    if feature in c.features
                    else (gettext("no"), False)
                    for c in compared
                ),
            )
            for feature in features
        ),
    )


def _meter(entitled: Entitlements, usage: Usage, catalogue: Catalogue, at: datetime) -> Meter:
    overridden = usage.feature in entitled.overridden
    higher = None
    if usage.limit is not None and not overridden:
        tier = catalogue.lowest_tier(usage.feature, usage.limit + 1, at)
        if tier is not None:
            higher = tier, number_words(catalogue.limits_of(tier, at)[usage.feature])
    return Meter(usage=usage, overridden=overridden, higher=higher)


def _more(value: int | None, than: int | None) -> bool:
    return than is not None and (value is None or value > than)


def _price(tier: Tier, offers: Sequence[Offer]) -> str:
    if tier is Tier.FREE:
        currency = offers[0].currency if offers else Currency.USD
        return price_words(0, currency, Interval.MONTH)
    prices = [offer.words for offer in offers if offer.tier is tier]
    return gettext(" or ").join(prices) or gettext(NEGOTIATED_WORDS)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
