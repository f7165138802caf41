"""The whole analysis: bytes in, a typed report of true numbers out; no I/O, no clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext

from chat.agents.prices import Listed, Price, find_model
from chat.agents.usage.charts import charts_of
from chat.agents.usage.columns import Field
from chat.agents.usage.reading import read_table
from chat.agents.usage.records import Record, RowReader, rows_of
from chat.agents.usage.report import (
    ColumnNote,
    CostBasis,
    Focus,
    Rows,
    SkipReason,
    Source,
    UsageReport,
)
from chat.agents.usage.savings import find_savings
from chat.agents.usage.selection import Chosen, Names, Narrowing, choose
from chat.agents.usage.summary import Summary, summarise
from chat.agents.usage.table import Table, watched
from chat.agents.usage.tally import GROUPS_MAX, by_day, ranked

# Lengths of the lists in a report: what a reader (and a model) still takes in.
MODELS_MAX = 25
DAYS_MAX = 62
PEOPLE_MAX = 15
REASONS_MAX = 8
# Names looked up on the price list: a miss takes a millisecond, and a file can name anything.
NAMES_MAX = 500
# Enough for sums of the longest figures that are read to be exact.
SUM_DIGITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is analysed: the bytes of a usage export, and what it goes by."""

    id: str
    name: str
    data: bytes


EVERYTHING = Narrowing()


def analyse(
    export: Export,
    *,
    now: datetime,
    focus: Focus = Focus.SUMMARY,
    narrowing: Narrowing = EVERYTHING,
    check: Callable[[], None] = lambda: None,
) -> UsageReport:
    """Analyse a usage export; raises UnreadableData or UnknownName with a sentence.

    `check` is called every few milliseconds, and ends the work with what it raises.
    """
    with localcontext() as context:
        context.prec = SUM_DIGITS
        table = read_table(export.data)
        reader = rows_of(table)
        chosen = _chosen(table, reader, narrowing, check)
        pricing = _Pricing(now, reader.currency)
        summary = summarise(table, reader, priced=pricing.priced, chosen=chosen, check=check)
        report = _report(export, focus, table=table, reader=reader, pricing=pricing,
                         summary=summary, chosen=chosen)  # fmt: skip
        return report.model_copy(update={"charts": charts_of(report)})


def _chosen(
    table: Table, reader: RowReader, narrowing: Narrowing, check: Callable[[], None]
) -> Chosen | None:
    if not narrowing:
        return None
    rows = watched(table.rows(), check)
    return choose(narrowing, Names(reader.names(row) for _, row in rows))


def _report(
    export: Export,
    focus: Focus,
    *,
    table: Table,
    reader: RowReader,
    pricing: "_Pricing",
    summary: Summary,
    chosen: Chosen | None,
) -> UsageReport:
    whole = summary.whole
    models = ranked(summary.models, whole, MODELS_MAX)
    is_dollars = reader.currency == "USD"
    return UsageReport(
        source=Source(id=export.id, name=export.name, format=table.format, bytes=len(export.data)),
        focus=focus,
        selection=chosen.reported() if chosen is not None else None,
        columns=[
            ColumnNote(field=unit.field, header=unit.header, unit=unit.text, assumed=unit.assumed)
            for unit in reader.units
        ],
        rows=_rows(summary),
        currency=reader.currency,
        cost_basis=pricing.basis(summary.costed),
        unpriced_models=sorted(pricing.unpriced)[:MODELS_MAX],
        first=summary.first,
        last=summary.last,
        undated_rows=summary.undated if Field.TIME in reader.fields else 0,
        total=whole.totals(),
        models=models,
        models_count=len(summary.models),
        days=list(by_day(summary.days, DAYS_MAX)),
        days_count=len(summary.days),
        users=ranked(summary.users, whole, PEOPLE_MAX),
        users_count=len(summary.users),
        projects=ranked(summary.projects, whole, PEOPLE_MAX),
        projects_count=len(summary.projects),
        latency=whole.latency(),
        anomalies=summary.watch.found(summary.days.tallies),
        savings=find_savings(models, summary.providers, pricing.now) if is_dollars else None,
        notes=[*table.notes, *_notes(reader, summary)],
    )


def _rows(summary: Summary) -> Rows:
    skipped = summary.skipped
    reasons = sorted(skipped.reasons.items(), key=lambda item: -item[1])[:REASONS_MAX]
    return Rows(
        read=summary.used + skipped.count + summary.left_out,
        used=summary.used,
        skipped=skipped.count,
        left_out=summary.left_out,
        reasons=[
            SkipReason(reason=reason, rows=count, first_line=skipped.first_lines[reason])
            for reason, count in reasons
        ],
    )


def _notes(reader: RowReader, summary: Summary) -> list[str]:
    notes: list[str] = []
    if Field.TIME in reader.fields and summary.undated:
        notes.append(
            f"{summary.undated} rows have no time that I understand: they count in every sum "
            "but not by day."
        )
    if Field.TOTAL in reader.fields and not reader.fields & {Field.INPUT, Field.OUTPUT}:
        notes.append("Only total tokens are given, so savings cannot be computed.")
    timed = len(summary.whole.latencies)
    if Field.REQUESTS in reader.fields:
        notes.append("Rows stand for several requests each; latencies and outliers are per row.")
    elif timed and timed < summary.used:
        notes.append(f"{summary.used - timed} rows have no latency.")
    crowded = {
        "models": summary.models.crowded,
        "days": summary.days.crowded,
        "users": summary.users.crowded,
        "projects": summary.projects.crowded,
    }
    notes += [
        f"There are more than {GROUPS_MAX:,} {noun}; those that come later in the file are in the "
        "totals only."
        for noun, is_crowded in crowded.items()
        if is_crowded
    ]
    return notes


class _Pricing:
    """Costs of records: as the export has them, else by list price of the record's own time."""

    def __init__(self, now: datetime, currency: str) -> None:
        self.now = now
        # List prices are in dollars: none are mixed into costs of another currency.
        self._prices = currency == "USD"
        self._listed: dict[tuple[str, str], tuple[Listed | None, Price | None]] = {}
        self.computed = 0
        self.unpriced: set[str] = set()

    def priced(self, record: Record) -> Record:
        """The record, with a list price where the export states no cost."""
        if record.cost is not None or not self._prices:
            return record
        if record.input is None and record.output is None:
            return record
        price = self._price(record)
        if price is None:
            if len(self.unpriced) < NAMES_MAX:
                self.unpriced.add(record.model)
            return record
        self.computed += 1
        cost = price.of(
            input_tokens=record.input or 0,
            output_tokens=record.output or 0,
            cached_tokens=record.cached or 0,
        )
        return record._replace(cost=cost)

    def _price(self, record: Record) -> Price | None:
        key = (record.model, record.provider)
        if key not in self._listed:
            if len(self._listed) >= NAMES_MAX:
                return None
            listed = find_model(*key)
            steady = listed.price(self.now) if listed is not None and listed.steady else None
            self._listed[key] = (listed, steady)
        listed, steady = self._listed[key]
        if steady is not None or listed is None:
            return steady
        return listed.price(record.at or self.now)

    def basis(self, costed: int) -> CostBasis:
        """Where the costs come from."""
        if not costed:
            return "none"
        if not self.computed:
            return "export"
        return "list prices" if self.computed == costed else "export and list prices"
