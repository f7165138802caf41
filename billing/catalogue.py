"""What each tier may do, as rows say it, and the table that the first rows are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from billing.periods import Window
from billing.tiers import Tier

# The keys of every limit, and how each is counted.
WINDOWS: Mapping[str, Window] = MappingProxyType(
    {
        "runs_month": Window.MONTH,
        "messages_minute": Window.MINUTE,
        "concurrent_runs": Window.PLACE,
        "concurrent_connections": Window.PLACE,
        "session_idle_hours": Window.SPAN,
        "retention_days": Window.SPAN,
    }
)

# What people call each, after a number.
LIMIT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "runs_month": "runs a month",
        "messages_minute": "messages a minute",
        "concurrent_runs": "runs at once",
        "concurrent_connections": "connections at once",
        "session_idle_hours": "hours until an idle sign-in ends",
        "retention_days": "days that events are kept at least",
    }
)

# Parts of names of features that are read letter by letter.
_INITIALS = frozenset({"api", "sso"})

# Of a limit of a month; whoever reaches one is told so, once a period each.
WARN_AT_PERCENT = (80, 95, 100)

# What a limit may be at most: four such sums are far from overflowing a bigint.
LIMIT_MAX = 1_000_000_000_000

# First values, in the order of Tier; None is unlimited. Operators edit the rows, not this table.
FIRST_LIMITS: Mapping[str, tuple[int | None, ...]] = MappingProxyType(
    {
        "runs_month": (1_000, 10_000, 50_000, None),
        "messages_minute": (30, 60, 120, 300),
        "concurrent_runs": (1, 3, 5, 20),
        "concurrent_connections": (3, 5, 10, 25),
        "session_idle_hours": (2, 8, 24, 72),
        "retention_days": (30, 90, 180, 365),
    }
)
FIRST_FEATURES: Mapping[str, Tier] = MappingProxyType(
    {
        "basic_chat": Tier.FREE,
        "api_access": Tier.EARLY,
        "advanced_analytics": Tier.MID,
        "priority_support": Tier.MID,
        "sso": Tier.ENTERPRISE,
        "custom_integrations": Tier.ENTERPRISE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitVersion:
    """The value of one tier's limit in the half-open time [valid_from, valid_until)."""

    tier: Tier
    limit: str
    value: int | None
    valid_from: datetime
    valid_until: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


def limit_words(name: str, value: int | None) -> str:
    """What a limit allows, such as "5,000 runs a month"."""
    words = LIMIT_WORDS[name]
    if value == 1:
        one, _, rest = words.partition("s ")
        return f"1 {one} {rest}"
    return f"{'unlimited' if value is None else f'{value:,}'} {words}"


def feature_words(name: str) -> str:
    """What people call a feature, such as "API access"."""
    words = name.replace("_", " ").split(" ")
    return " ".join(word.upper() if word in _INITIALS else word for word in words)


def suffices(limit: int | None, amount: int) -> bool:
    """At the limit is allowed, one above is not."""
    return limit is None or amount <= limit


def percent_reached(used: int, limit: int | None) -> int | None:
    """The highest of WARN_AT_PERCENT that so much use has reached; none of what has no limit."""
    if not limit:
        return None
    return max((part for part in WARN_AT_PERCENT if used * 100 >= part * limit), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every limit there is, and every feature with the lowest tier that has it."""

    versions: tuple[LimitVersion, ...]
    features: Mapping[str, Tier]

    def limits_of(self, tier: Tier, at: datetime) -> Mapping[str, int | None]:
        """Every known limit of a tier; one that no row gives is 0: denied."""
        limits: dict[str, int | None] = dict.fromkeys(WINDOWS, 0)
        for version in self.versions:
            if version.tier is tier and version.holds(at):
                limits[version.limit] = version.value
        return MappingProxyType(limits)

    def features_of(self, tier: Tier) -> frozenset[str]:
        return frozenset(name for name, lowest in self.features.items() if lowest <= tier)

    def lowest_tier(self, limit: str, amount: int, at: datetime) -> Tier | None:
        """The lowest tier whose limit holds the amount, or None when no tier's does."""
        return next(
            (tier for tier in Tier if suffices(self.limits_of(tier, at).get(limit, 0), amount)),
            None,
        )
