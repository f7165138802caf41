from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from billing.catalogue import (
    FIRST_FEATURES,
    FIRST_LIMITS,
    WINDOWS,
    Catalogue,
    LimitVersion,
    feature_words,
    limit_words,
    percent_reached,
    suffices,
)
from billing.periods import ALWAYS
from billing.tiers import Tier

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
# The table of the price list, written out once more: free, early, mid, enterprise.
LIMITS: dict[str, tuple[int | None, int | None, int | None, int | None]] = {
    "runs_month": (1000, 10000, 50000, None),
    "messages_minute": (30, 60, 120, 300),
    "concurrent_runs": (1, 3, 5, 20),
    "concurrent_connections": (3, 5, 10, 25),
    "session_idle_hours": (2, 8, 24, 72),
    "retention_days": (30, 90, 180, 365),
}
FEATURES = {
    Tier.FREE: {"basic_chat"},
    Tier.EARLY: {"basic_chat", "api_access"},
    Tier.MID: {"basic_chat", "api_access", "advanced_analytics", "priority_support"},
    Tier.ENTERPRISE: set(FIRST_FEATURES),
}


def first_catalogue() -> Catalogue:
    return Catalogue(
        versions=tuple(
            LimitVersion(tier=tier, limit=name, value=value, valid_from=ALWAYS, valid_until=None)
            for name, values in FIRST_LIMITS.items()
            for tier, value in zip(Tier, values, strict=True)
        ),
        features=FIRST_FEATURES,
    )


@pytest.mark.parametrize(("tier", "name"), list(product(Tier, LIMITS)))
def test_every_limit_of_every_tier(tier: Tier, name: str) -> None:
    assert first_catalogue().limits_of(tier, NOW)[name] == LIMITS[name][tier.rank]


def test_no_limit_is_missing_and_none_is_too_many() -> None:
    assert set(WINDOWS) == set(FIRST_LIMITS) == set(LIMITS)


@pytest.mark.parametrize("tier", Tier)
def test_every_feature_of_every_tier(tier: Tier) -> None:
    assert first_catalogue().features_of(tier) == FEATURES[tier]


@pytest.mark.parametrize(("name", "tier"), list(product(LIMITS, Tier)))
def test_at_the_limit_is_allowed_and_one_above_asks_for_the_next_tier(
    name: str, tier: Tier
) -> None:
    limit = LIMITS[name][tier.rank]
    if limit is None:
        return
    higher = list(Tier)[tier.rank + 1 :]
    assert first_catalogue().lowest_tier(name, limit, NOW) is tier
    assert first_catalogue().lowest_tier(name, limit + 1, NOW) is next(iter(higher), None)


def test_an_unknown_limit_is_in_no_tier() -> None:
    assert first_catalogue().lowest_tier("unheard_of", 1, NOW) is None


def test_a_known_limit_without_a_row_is_nothing() -> None:
    empty = Catalogue(versions=(), features={})
    assert set(empty.limits_of(Tier.ENTERPRISE, NOW).values()) == {0}


def test_unlimited_suffices_for_anything() -> None:
    assert suffices(None, 10**18)


def test_a_version_holds_from_its_start_to_just_before_its_end() -> None:
    version = LimitVersion(
        tier=Tier.FREE,
        limit="runs_month",
        value=1,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
    )
    tick = timedelta(microseconds=1)
    assert not version.holds(NOW - tick)
    assert version.holds(NOW)
    assert version.holds(NOW + timedelta(days=1) - tick)
    assert not version.holds(NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("used", "limit", "percent"),
    [
        (0, 10, None),
        (7, 10, None),
        (8, 10, 80),
        (9, 10, 80),
        (10, 10, 100),
        (15, 10, 100),
        (19, 20, 95),
        (799, 1000, None),
        (5, None, None),
        (5, 0, None),
    ],
)
def test_use_reaches_a_part_of_a_limit_exactly(
    used: int, limit: int | None, percent: int | None
) -> None:
    assert percent_reached(used, limit) == percent


def test_limits_and_features_have_words() -> None:
    assert limit_words("concurrent_runs", 1) == "1 run at once"
    assert limit_words("session_idle_hours", 1) == "1 hour until an idle sign-in ends"
    assert limit_words("runs_month", 5000) == "5,000 runs a month"
    assert limit_words("retention_days", None) == "unlimited days that events are kept at least"
    assert feature_words("custom_integrations") == "custom integrations"
    assert feature_words("api_access") == "API access"
