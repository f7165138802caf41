"""One pass over the rows: every sum that a report is written from, and no row kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from chat.agents.usage.anomalies import Watch
from chat.agents.usage.records import Record, RowReader, SkipRow
from chat.agents.usage.selection import Chosen
from chat.agents.usage.table import Table, UnreadableData, watched
from chat.agents.usage.tally import Groups, Tally, add_up


@dataclass(slots=True)
class Skipped:
    """Rows left out, counted by reason, with the first line of each."""

    count: int = 0
    first_lines: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, line: int) -> None:
        self.count += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.first_lines.setdefault(reason, line)


class Summary:
    """Sums of the records that were added."""

    def __init__(self) -> None:
        self.whole = Tally()
        self.models: Groups[str] = Groups()
        self.days: Groups[date] = Groups()
        self.users: Groups[str] = Groups()
        self.projects: Groups[str] = Groups()
        self.watch = Watch()
        self.providers: dict[str, str] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.used = self.undated = self.costed = 0
        self.left_out = 0
        self.skipped = Skipped()

    def add(self, record: Record) -> None:
        self.used += 1
        tallies = [self.whole, self.models.of(record.model)]
        if record.user:
            tallies.append(self.users.of(record.user))
        if record.project:
            tallies.append(self.projects.of(record.project))
        if record.cost is not None:
            self.costed += 1
        if record.provider and len(self.providers) < len(self.models):
            self.providers.setdefault(record.model, record.provider)
        day = self._day_of(record)
        if day is not None:
            tallies.append(self.days.of(day))
        add_up(record, tallies)
        self.watch.add(record, day)

    def _day_of(self, record: Record) -> date | None:
        at = record.at
        if at is None:
            self.undated += 1
            return None
        if self.first is None or at < self.first:
            self.first = at
        if self.last is None or at > self.last:
            self.last = at
        return at.date()


def summarise(
    table: Table,
    reader: RowReader,
    *,
    priced: Callable[[Record], Record],
    chosen: Chosen | None,
    check: Callable[[], None],
) -> Summary:
    """Add up the rows that can be read and are chosen; raises UnreadableData where none is.

    `check` is called now and then, and may raise to end the work.
    """
    summary = Summary()
    for line, row in watched(table.rows(), check):
        try:
            record = reader.read(line, row)
        except SkipRow as skip:
            summary.skipped.add(skip.reason, line)
            continue
        if chosen is not None and not chosen.admits(record):
            summary.left_out += 1
            continue
        summary.add(priced(record))
    if not summary.used:
        raise UnreadableData(_why_nothing(summary))
    return summary


def _why_nothing(summary: Summary) -> str:
    if summary.left_out:
        return "No row of the data is of what you ask for."
    reasons = "; ".join(f"{count} × {why}" for why, count in summary.skipped.reasons.items())
    return f"No row could be used ({reasons or 'there are none'})."
