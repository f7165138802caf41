"""Order statistics by nearest rank: every answer is a value that was really observed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

Value = TypeVar("Value", float, Decimal)


def percentile(ordered: Sequence[Value], percent: int) -> Value:
    """The nearest-rank percentile: the smallest value with at least `percent` % at or below it."""
    if not ordered:
        raise ValueError("no values")
    if not 1 <= percent <= 100:
        raise ValueError("percent must be 1 to 100")
    rank = -(-percent * len(ordered) // 100)
    return ordered[rank - 1]


def median_deviation(ordered: Sequence[Value], median: Value) -> Value:
    """The median of the distances from `median` (MAD), by nearest rank."""
    return percentile(sorted(abs(value - median) for value in ordered), 50)
