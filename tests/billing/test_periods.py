from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.periods import Window, period_at

MOMENTS = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime.fromtimestamp(ms / 1000, tz=UTC)
)


@given(MOMENTS, st.sampled_from(Window))
def test_a_moment_lies_in_its_period_and_its_end_in_the_next(at: datetime, window: Window) -> None:
    period = period_at(window, at)
    assert period.starts_at <= at
    assert period_at(window, period.starts_at) == period
    if period.ends_at is not None:
        assert at < period.ends_at
        assert period_at(window, period.ends_at).starts_at == period.ends_at


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        ("2026-02-28T23:59:59.999999Z", "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
        ("2026-12-31T23:59Z", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
        ("2026-03-01T00:00Z", "2026-03-01T00:00Z", "2026-04-01T00:00Z"),
    ],
)
def test_a_month_is_the_calendar_month_in_utc(at: str, start: str, end: str) -> None:
    period = period_at(Window.MONTH, datetime.fromisoformat(at))
    assert period.starts_at == datetime.fromisoformat(start)
    assert period.ends_at == datetime.fromisoformat(end)


def test_a_moment_of_another_time_zone_is_counted_in_utc() -> None:
    late_in_auckland = datetime(2026, 4, 1, 6, tzinfo=timezone(timedelta(hours=13)))
    assert period_at(Window.MONTH, late_in_auckland).starts_at == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_minute_ends_sixty_seconds_after_it_starts() -> None:
    period = period_at(Window.MINUTE, datetime(2026, 5, 6, 7, 8, 9, 10, tzinfo=UTC))
    assert period.starts_at == datetime(2026, 5, 6, 7, 8, tzinfo=UTC)
    assert period.ends_at == datetime(2026, 5, 6, 7, 9, tzinfo=UTC)


@pytest.mark.parametrize("window", [Window.PLACE, Window.SPAN])
def test_what_is_not_counted_by_time_has_one_period_for_ever(window: Window) -> None:
    assert period_at(window, datetime(2026, 1, 1, tzinfo=UTC)).ends_at is None
