"""Running sums of records: over everything, and by model, day, user and project."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from chat.agents.usage.ranks import percentile
from chat.agents.usage.records import Record
from chat.agents.usage.report import Day, Group, Latency, Totals

# More names than this are no groups that anybody reads; it bounds what a hostile file can take.
GROUPS_MAX = 20_000


@dataclass(slots=True)
class Tally:
    """Sums of one group; `cost` stays None until a record of it has one."""

    requests: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    total: int = 0
    cost: Decimal | None = None
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    def totals(self) -> Totals:
        return Totals(
            requests=self.requests,
            input_tokens=self.input,
            output_tokens=self.output,
            cached_tokens=self.cached,
            total_tokens=self.total,
            cost=self.cost,
        )

    def latency(self) -> Latency | None:
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return Latency(
            count=len(ordered),
            p50=percentile(ordered, 50),
            p95=percentile(ordered, 95),
            p99=percentile(ordered, 99),
            max=ordered[-1],
        )


def add_up(record: Record, tallies: Iterable[Tally]) -> None:
    """Add a record to several tallies at once; it is taken apart once for all of them."""
    _, _, _, input_tokens, output_tokens, cached, total, cost, latency_ms, *_, requests = record
    for tally in tallies:
        tally.requests += requests
        tally.total += total
        if input_tokens:
            tally.input += input_tokens
        if output_tokens:
            tally.output += output_tokens
        if cached:
            tally.cached += cached
        if cost is not None:
            tally.cost = cost if tally.cost is None else tally.cost + cost
        if latency_ms is not None:
            tally.latencies.append(latency_ms)


Key = TypeVar("Key")


class Groups(Generic[Key]):
    """A tally for each key, bounded: `crowded` when later keys found no room."""

    def __init__(self) -> None:
        self.tallies: dict[Key, Tally] = {}
        self.crowded = False

    def of(self, key: Key) -> Tally:
        """The tally of a key; one that is read by nobody when there is no room."""
        tally = self.tallies.get(key)
        if tally is not None:
            return tally
        if len(self.tallies) >= GROUPS_MAX:
            self.crowded = True
            return Tally()
        tally = self.tallies[key] = Tally()
        return tally

    def __len__(self) -> int:
        return len(self.tallies)


def ranked(groups: Groups[str], whole: Tally, limit: int) -> list[Group]:
    """The groups with the most spend (or tokens, where nothing has a cost) first."""
    ordered = sorted(groups.tallies.items(), key=_weight, reverse=True)
    return [
        Group(
            name=name,
            totals=tally.totals(),
            share=_share(tally.cost, whole.cost),
            latency=tally.latency(),
        )
        for name, tally in ordered[:limit]
    ]


def _weight(item: tuple[str, Tally]) -> tuple[Decimal, int, int]:
    tally = item[1]
    return tally.cost or Decimal(0), tally.total, tally.requests


def _share(part: Decimal | None, whole: Decimal | None) -> float | None:
    if part is None or not whole:
        return None
    return round(float(part * 100 / whole), 2)


def by_day(groups: Groups[date], limit: int) -> Sequence[Day]:
    """The last `limit` days that have records, in order."""
    return [
        Day(day=day, requests=tally.requests, total_tokens=tally.total, cost=tally.cost)
        for day, tally in sorted(groups.tallies.items())[-limit:]
    ]
