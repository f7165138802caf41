"""Billing periods: the span of time in which a limit is counted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never

# The one period of everything that is held until it is given back: it starts here and never ends.
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class Window(StrEnum):
    """How a limit is counted; a place is taken and given back, a span is not counted at all."""

    MONTH = "month"
    MINUTE = "minute"
    PLACE = "place"
    SPAN = "span"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Half-open: `ends_at` belongs to the next one; None never ends."""

    starts_at: datetime
    ends_at: datetime | None


def period_at(window: Window, at: datetime) -> Period:
    """The period around a moment, in UTC."""
    at = at.astimezone(UTC)
    match window:
        case Window.MONTH:
            start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            # Day 1 plus 32 days is always in the next month.
            return Period(starts_at=start, ends_at=(start + timedelta(days=32)).replace(day=1))
        case Window.MINUTE:
            start = at.replace(second=0, microsecond=0)
            return Period(starts_at=start, ends_at=start + timedelta(minutes=1))
        case Window.PLACE | Window.SPAN:
            return Period(starts_at=ALWAYS, ends_at=None)
        case _:
            assert_never(window)
