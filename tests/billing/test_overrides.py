"""Another value in place of the tier's: what counts when, and what is said of it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.entitlements import Entitlements, GrantKind, GrantSpan, entitlements
from billing.overrides import ALLOWED, DENIED, OverrideSpan, value_words
from billing.tiers import Tier
from tests.billing.test_catalogue import first_catalogue

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CATALOGUE = first_catalogue()
MID = GrantSpan(kind=GrantKind.MANUAL, tier=Tier.MID, starts_at=NOW, ends_at=NOW + 5 * DAY)


def override(
    feature: str, value: int | None, *, starts_at: datetime = NOW, days: int | None = None
) -> OverrideSpan:
    ends_at = None if days is None else starts_at + days * DAY
    return OverrideSpan(feature=feature, value=value, starts_at=starts_at, ends_at=ends_at)


def answer(
    *overrides: OverrideSpan, grants: tuple[GrantSpan, ...] = (), at: datetime = NOW
) -> Entitlements:
    return entitlements(grants, CATALOGUE, at, overrides=overrides)


def test_a_limit_is_the_overrides_while_it_lasts_whatever_the_tier() -> None:
    more = override("runs_month", 5000, days=10)
    for moment, limit in ((NOW, 5000), (NOW + 9 * DAY, 5000), (NOW + 10 * DAY, 1000)):
        assert answer(more, at=moment).limits["runs_month"] == limit
    assert answer(more, grants=(MID,)).limits["runs_month"] == 5000
    assert answer(more).limits["messages_minute"] == 30


def test_unlimited_and_nothing_are_values_too() -> None:
    assert answer(override("runs_month", None)).limits["runs_month"] is None
    assert answer(override("runs_month", 0)).limits["runs_month"] == 0


def test_a_feature_is_allowed_and_denied_without_touching_the_tier() -> None:
    allowed = answer(override("sso", ALLOWED))
    assert allowed.features == {"basic_chat", "sso"}
    assert allowed.tier is Tier.FREE
    denied = answer(override("api_access", DENIED), grants=(MID,))
    assert denied.tier is Tier.MID
    assert "api_access" not in denied.features
    assert "priority_support" in denied.features
    assert dict(allowed.limits) == dict(CATALOGUE.limits_of(Tier.FREE, NOW))


def test_the_why_says_what_is_different_and_until_when() -> None:
    told = answer(override("runs_month", 5000, days=1), override("api_access", ALLOWED))
    assert told.why == (
        "Free plan: nothing on this account grants a higher one. By an exception from our staff:"
        " with API access; 5,000 runs a month until 16 June 2026, 12:00 UTC."
    )
    assert told.overridden == {"runs_month", "api_access"}
    assert (answer().overridden, value_words("sso", DENIED)) == (frozenset(), "without SSO")


def test_the_next_change_is_that_of_an_override_too() -> None:
    later = override("runs_month", 5000, starts_at=NOW + DAY, days=1)
    assert answer(later).next_change == NOW + DAY
    assert answer(later, at=NOW + DAY).next_change == NOW + 2 * DAY
    assert answer(later, at=NOW + 2 * DAY).next_change is None
    assert answer(override("sso", ALLOWED, days=3)).next_change == NOW + 3 * DAY


def test_an_override_that_changes_nothing_is_no_change() -> None:
    same = override("runs_month", 1000, starts_at=NOW + DAY, days=1)
    assert answer(same).next_change is None


@given(
    value=st.none() | st.integers(0, 10**12),
    start=st.integers(-3, 3),
    days=st.none() | st.integers(1, 3),
    at=st.integers(-5, 8),
)
def test_nothing_but_its_own_limit_ever_differs(
    value: int | None, start: int, days: int | None, at: int
) -> None:
    one = override("concurrent_runs", value, starts_at=NOW + start * DAY, days=days)
    with_it, without = (answer(*o, grants=(MID,), at=NOW + at * DAY) for o in ((one,), ()))
    others = dict(without.limits) | {"concurrent_runs": with_it.limits["concurrent_runs"]}
    assert dict(with_it.limits) == others
    assert (with_it.tier, with_it.trial, with_it.features) == (
        *(without.tier, without.trial),
        without.features,
    )
    expected = value if one.live(NOW + at * DAY) else without.limits["concurrent_runs"]
    assert with_it.limits["concurrent_runs"] == expected
