"""Running sums of records, by model, day, user and project."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeVar

from chat.agents.usage.ranks import percentile
from chat.agents.usage.records import Record
from chat.agents.usage.report import Day, Group, Latency, Totals


@dataclass(slots=True)
class Tally:
    """Sums of one group; `cost` stays None until a record of it has one."""

    requests: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    total: int = 0
    cost: Decimal | None = None
    latencies: list[float] = field(default_factory=list)

    def add(self, record: Record) -> None:
        cost = record.cost
        self.requests += record.requests
        self.input += record.input or 0
        self.output += record.output or 0
        self.cached += record.cached or 0
        self.total += record.total
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost
        if record.latency_ms is not None:
            self.latencies.append(record.latency_ms)

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


Key = TypeVar("Key")


def tally_all(records: Iterable[Record]) -> Tally:
    """One tally over everything."""
    tally = Tally()
    for record in records:
        tally.add(record)
    return tally


def tally_by(records: Iterable[Record], key: Callable[[Record], Key | None]) -> dict[Key, Tally]:
    """A tally for each key; records without one are left out."""
    tallies: dict[Key, Tally] = {}
    for record in records:
        name = key(record)
        if name is None:
            continue
        tally = tallies.get(name)
        if tally is None:
            tally = tallies[name] = Tally()
        tally.add(record)
    return tallies


def day_of(record: Record) -> date | None:
    """The UTC day of a record."""
    return record.at.date() if record.at is not None else None


def ranked(tallies: dict[str, Tally], whole: Tally, limit: int) -> list[Group]:
    """The groups with the most spend (or tokens, where nothing has a cost) first."""
    ordered = sorted(tallies.items(), key=_weight, reverse=True)
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


def by_day(tallies: dict[date, Tally], limit: int) -> Sequence[Day]:
    """The last `limit` days that have records, in order."""
    return [
        Day(day=day, requests=tally.requests, total_tokens=tally.total, cost=tally.cost)
        for day, tally in sorted(tallies.items())[-limit:]
    ]
