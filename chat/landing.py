"""What the page for strangers shows: the plans as they are, and an answer to the sample data."""

from dataclasses import dataclass
from typing import Final

from billing import selectors
from billing.catalogue import limit_words
from billing.tiers import Tier

# Of all limits those that somebody compares who does not know Netra yet.
_SHOWN_LIMITS: Final = ("runs_month", "concurrent_runs", "messages_minute", "retention_days")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCard:
    """One plan in words."""

    tier: Tier
    price: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """What one model of the sample data cost; `share` is in percent."""

    name: str
    spend: str
    share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAnswer:
    """What the built-in assistant answers to the sample data."""

    requests: int
    spend: str
    rows: tuple[SampleRow, ...]


# A test holds that the assistant says the same.
SAMPLE: Final = SampleAnswer(
    requests=617,
    spend="$10.68",
    rows=(
        SampleRow(name="gpt-4o", spend="$7.89", share="73.8"),
        SampleRow(name="claude-sonnet-4-5", spend="$2.50", share="23.4"),
        SampleRow(name="gemini-2.5-flash", spend="$0.189", share="1.8"),
        SampleRow(name="gpt-4o-mini", spend="$0.1067", share="1.0"),
    ),
)


def plan_cards() -> tuple[PlanCard, ...]:
    return tuple(
        PlanCard(
            tier=column.tier,
            price=column.price,
            limits=tuple(limit_words(name, column.limits[name]) for name in _SHOWN_LIMITS),
        )
        for column in selectors.plans()
    )
