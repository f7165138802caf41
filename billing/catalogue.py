"""What each tier may do, as rows say it, and the table that the first rows are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from billing.periods import Window
from billing.tiers import Tier
from netra.words import gettext, gettext_noop, grouped

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
        "runs_month": gettext_noop("runs a month"),
        "messages_minute": gettext_noop("messages a minute"),
        "concurrent_runs": gettext_noop("runs at once"),
        "concurrent_connections": gettext_noop("connections at once"),
        "session_idle_hours": gettext_noop("hours until an idle sign-in ends"),
        "retention_days": gettext_noop("days that events are kept at least"),
    }
)
# The same where there is but one of it.
_ONE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "runs_month": gettext_noop("run a month"),
        "messages_minute": gettext_noop("message a minute"),
        "concurrent_runs": gettext_noop("run at once"),
        "concurrent_connections": gettext_noop("connection at once"),
        "session_idle_hours": gettext_noop("hour until an idle sign-in ends"),
        "retention_days": gettext_noop("day that events are kept at least"),
    }
)

# Parts of names of features that are read letter by letter.
_INITIALS = frozenset({"api", "sso"})
# Those of FIRST_FEATURES; one that an operator adds is called by its name.
_FEATURE_WORDS = (
    gettext_noop("basic chat"),
    gettext_noop("API access"),
    gettext_noop("advanced analytics"),
    gettext_noop("priority support"),
    gettext_noop("SSO"),
    gettext_noop("custom integrations"),
)

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
    if value == 1:
        return f"1 {gettext(_ONE_WORDS[name])}"
    return f"{number_words(value)} {gettext(LIMIT_WORDS[name])}"


def number_words(limit: int | None) -> str:
    """What a limit is, such as "5,000" or "unlimited"."""
    return gettext("unlimited") if limit is None else grouped(limit)


def feature_words(name: str) -> str:
    """What people call a feature, such as "API access"."""
    words = name.replace("_", " ").split(" ")
    called = " ".join(word.upper() if word in _INITIALS else word for word in words)
    return gettext(called)


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
