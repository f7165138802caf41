"""The whole analysis: bytes in, a typed report of true numbers out; no I/O, no clock."""

from collections.abc import Sequence
from datetime import datetime
from decimal import localcontext

from chat.agents.prices import Listed, Price, find_model
from chat.agents.usage import anomalies, savings
from chat.agents.usage.columns import Field
from chat.agents.usage.reading import read_table
from chat.agents.usage.records import Record, Records, Skipped, read_records
from chat.agents.usage.report import ColumnNote, CostBasis, Rows, SkipReason, Source, UsageReport
from chat.agents.usage.tally import Tally, by_day, day_of, ranked, tally_all, tally_by

# Lengths of the lists in a report: what a reader (and a model) still takes in.
MODELS_MAX = 25
DAYS_MAX = 62
PEOPLE_MAX = 15
REASONS_MAX = 8
# Names looked up on the price list: a miss takes a millisecond, and a file can name anything.
NAMES_MAX = 500
# Enough for sums of the longest figures that are read to be exact.
SUM_DIGITS = 100


def analyse(data: bytes, *, source_id: str, name: str, now: datetime) -> UsageReport:
    """Analyse a usage export; raises UnreadableData with a sentence when it is none."""
    with localcontext() as context:
        context.prec = SUM_DIGITS
        return _analyse(data, source_id=source_id, name=name, now=now)


def _analyse(data: bytes, *, source_id: str, name: str, now: datetime) -> UsageReport:
    table = read_table(data)
    found = read_records(table)
    pricing = _Pricing(now)
    # List prices are in dollars: none are mixed into costs of another currency.
    records = pricing.priced(found.records) if found.currency == "USD" else found.records
    whole = tally_all(records)
    models = tally_by(records, lambda record: record.model)
    days = tally_by(records, day_of)
    users = tally_by(records, lambda record: record.user or None)
    projects = tally_by(records, lambda record: record.project or None)
    moments = [record.at for record in records if record.at is not None]
    ranked_models = ranked(models, whole, MODELS_MAX)
    providers = {record.model: record.provider for record in records if record.provider}
    return UsageReport(
        source=Source(id=source_id, name=name, format=table.format, bytes=len(data)),
        columns=[
            ColumnNote(field=unit.field, header=unit.header, unit=unit.text, assumed=unit.assumed)
            for unit in found.units
        ],
        rows=_rows(len(records), found.skipped),
        currency=found.currency,
        cost_basis=pricing.basis(records),
        unpriced_models=sorted(pricing.unpriced)[:MODELS_MAX],
        first=min(moments, default=None),
        last=max(moments, default=None),
        undated_rows=found.undated,
        total=whole.totals(),
        models=ranked_models,
        models_count=len(models),
        days=list(by_day(days, DAYS_MAX)),
        days_count=len(days),
        users=ranked(users, whole, PEOPLE_MAX),
        users_count=len(users),
        projects=ranked(projects, whole, PEOPLE_MAX),
        projects_count=len(projects),
        latency=whole.latency(),
        anomalies=anomalies.find_anomalies(records, days),
        savings=(
            savings.find_savings(ranked_models, providers, now) if found.currency == "USD" else None
        ),
        notes=[*table.notes, *_notes(found, whole)],
    )


def _rows(used: int, skipped: Skipped) -> Rows:
    reasons = sorted(skipped.reasons.items(), key=lambda item: -item[1])[:REASONS_MAX]
    return Rows(
        read=used + skipped.count,
        used=used,
        skipped=skipped.count,
        reasons=[
            SkipReason(reason=reason, rows=count, first_line=skipped.first_lines[reason])
            for reason, count in reasons
        ],
    )


def _notes(records: Records, whole: Tally) -> list[str]:
    notes: list[str] = []
    if records.undated:
        notes.append(
            f"{records.undated} rows have no time that I understand: they count in every sum "
            "but not by day."
        )
    if Field.TOTAL in records.fields and not records.fields & {Field.INPUT, Field.OUTPUT}:
        notes.append("Only total tokens are given, so savings cannot be computed.")
    if Field.REQUESTS in records.fields:
        notes.append("Rows stand for several requests each; latencies and outliers are per row.")
    elif whole.latencies and len(whole.latencies) < len(records.records):
        notes.append(f"{len(records.records) - len(whole.latencies)} rows have no latency.")
    return notes


class _Pricing:
    """Costs of records: as the export has them, else by list price of the record's own time."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._listed: dict[tuple[str, str], tuple[Listed | None, Price | None]] = {}
        self.computed = 0
        self.unpriced: set[str] = set()

    def priced(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records, with a list price where the export states no cost."""
        return [
            record if record.cost is not None else self._with_cost(record) for record in records
        ]

    def _with_cost(self, record: Record) -> Record:
        if record.input is None and record.output is None:
            return record
        price = self._price(record)
        if price is None:
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
            listed = find_model(*key) if len(self._listed) < NAMES_MAX else None
            steady = listed.price(self._now) if listed is not None and listed.steady else None
            self._listed[key] = (listed, steady)
        listed, steady = self._listed[key]
        if steady is not None or listed is None:
            return steady
        return listed.price(record.at or self._now)

    def basis(self, records: Sequence[Record]) -> CostBasis:
        """Where the costs come from."""
        costed = sum(record.cost is not None for record in records)
        if not costed:
            return "none"
        if not self.computed:
            return "export"
        return "list prices" if self.computed == costed else "export and list prices"
