"""Rows to usage records: each row is used or skipped, with the reason."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from chat.agents.usage import columns, figures
from chat.agents.usage.columns import CURRENCIES, DURATIONS, Column, Field
from chat.agents.usage.table import Cell, Table, UnreadableData

# Rows looked at to tell milliseconds from seconds, and days from months.
SAMPLE_ROWS = 500
# A median duration above this is taken for milliseconds when the header names no unit.
SECONDS_MAX = 100.0
TOTAL_WORDS = frozenset({"total", "totals", "sum", "grand total", "subtotal", "all models"})
TOTAL_CHARS_MAX = 16
TEXT_CHARS_MAX = 200
# Names come again and again: a look-up costs a fifth of making each anew.
NAMES_CACHED = 4096


class Record(NamedTuple):
    """One request (or one row of several, see `requests`); None where the export says nothing.

    `total` is as stated, else input and output together.
    """

    line: int
    model: str
    provider: str
    input: int | None
    output: int | None
    cached: int | None
    total: int
    cost: Decimal | None
    latency_ms: float | None
    at: datetime | None
    user: str
    project: str
    requests: int


class Unit(NamedTuple):
    """How a column is read: words for the reader, and whether the header said so."""

    field: Field
    header: str
    text: str
    assumed: bool


class SkipRow(Exception):
    """This row cannot be used; `reason` is what the reader is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_FIGURES = {
    Field.INPUT, Field.OUTPUT, Field.TOTAL, Field.COST, Field.INPUT_COST, Field.OUTPUT_COST,
    Field.LATENCY,
}  # fmt: skip
_NUMBERS = _FIGURES | {Field.CACHED, Field.REQUESTS}


class _Positions(NamedTuple):
    """Where each field stands in a row: attributes, since hashing an enum costs more per row."""

    model: int
    provider: int
    input: int
    output: int
    cached: int
    total: int
    cost: int
    currency: int
    latency: int
    time: int
    user: int
    project: int
    requests: int


_POSITIONED = (
    Field.MODEL, Field.PROVIDER, Field.INPUT, Field.OUTPUT, Field.CACHED, Field.TOTAL, Field.COST,
    Field.CURRENCY, Field.LATENCY, Field.TIME, Field.USER, Field.PROJECT, Field.REQUESTS,
)  # fmt: skip


class RowReader:
    """Knows column positions and units, so that reading a row is only look-ups."""

    def __init__(
        self, found: Mapping[Field, Column], sample: Sequence[Sequence[Cell]], width: int
    ) -> None:
        self._found = found
        self._width = width
        self.fields = frozenset(found)
        # Fields without a column point one past the last, where every row gets an empty cell.
        self._at = _Positions(*(found[key].index if key in found else width for key in _POSITIONED))
        self._cost_parts = [
            (key, found[key].index) for key in (Field.INPUT_COST, Field.OUTPUT_COST) if key in found
        ]
        self.units: list[Unit] = []
        self.currency = "USD"
        self._cost_scale = self._money_scale(sample)
        self._cost_is_plain = self._cost_scale.get(Field.COST) == 1
        self._latency_scale = self._duration_scale(sample)
        time_cells = [cell for cell in self._cells(Field.TIME, sample) if isinstance(cell, str)]
        self._day_first = figures.is_day_first(time_cells)
        self._note_plain_columns()
        # In such a file 1.200 tokens are twelve hundred.
        self._comma_columns = (
            [found[key].index for key in _NUMBERS if key in found]
            if any(
                figures.has_decimal_comma(cell)
                for key in _FIGURES
                for cell in self._cells(key, sample)
            )
            else []
        )

    def _cells(self, key: Field, sample: Sequence[Sequence[Cell]]) -> list[Cell]:
        column = self._found.get(key)
        if column is None:
            return []
        return [row[column.index] for row in sample if column.index < len(row)]

    def _money_scale(self, sample: Sequence[Sequence[Cell]]) -> Mapping[Field, Decimal]:
        scales: dict[Field, Decimal] = {}
        for key in (Field.COST, Field.INPUT_COST, Field.OUTPUT_COST):
            column = self._found.get(key)
            if column is None:
                continue
            signs = [
                code for cell in self._cells(key, sample) if (code := figures.currency_in(cell))
            ]
            stated = [str(cell).strip().upper() for cell in self._cells(Field.CURRENCY, sample)]
            if column.unit_word is not None:
                currency, scale, text = CURRENCIES[column.unit_word]
            elif signs or any(stated):
                currency = signs[0] if signs else next(filter(None, stated))
                scale, text = Decimal(1), currency
            else:
                currency, scale, text = "USD", Decimal(1), "US dollars"
            assumed = column.unit_word is None and not signs and not any(stated)
            self.units.append(Unit(key, column.header, text, assumed))
            self.currency, scales[key] = currency, scale
        return scales

    def _duration_scale(self, sample: Sequence[Sequence[Cell]]) -> Decimal:
        column = self._found.get(Field.LATENCY)
        if column is None:
            return Decimal(1)
        if column.unit_word is not None:
            scale, text = DURATIONS[column.unit_word]
            self.units.append(Unit(Field.LATENCY, column.header, text, assumed=False))
            return scale
        values = sorted(
            value
            for cell in self._cells(Field.LATENCY, sample)
            if (value := figures.decimal_of(cell)) is not None
        )
        seconds = bool(values) and values[len(values) // 2] <= SECONDS_MAX
        text = "seconds" if seconds else "milliseconds"
        self.units.append(Unit(Field.LATENCY, column.header, text, assumed=True))
        return Decimal(1000) if seconds else Decimal(1)

    def _note_plain_columns(self) -> None:
        noted = {unit.field for unit in self.units}
        for key, column in self._found.items():
            if key in noted:
                continue
            text = "UTC where no zone is given" if key is Field.TIME else ""
            self.units.append(Unit(key, column.header, text, assumed=False))

    def read(self, line: int, row: Sequence[Cell]) -> Record:
        """The record of one row; raises SkipRow with the reason."""
        if len(row) != self._width:
            raise SkipRow(_shape_problem(len(row), self._width))
        # Absent fields point at this last cell.
        cells = [*row, None]
        for index in self._comma_columns:
            cells[index] = figures.with_point(cells[index])
        at = self._at
        model = _text(cells[at.model])
        if _is_total(model) or _is_total(cells[0]):
            raise SkipRow("a total line, which would be counted twice")
        input_tokens = _count(cells[at.input], Field.INPUT)
        output_tokens = _count(cells[at.output], Field.OUTPUT)
        total = _count(cells[at.total], Field.TOTAL)
        cost = self._cost(cells)
        latency_ms = self._latency_ms(cells[at.latency])
        known = input_tokens is not None or output_tokens is not None or total is not None
        if not known and cost is None and latency_ms is None:
            raise SkipRow("no tokens, cost or latency in it")
        requests = _count(cells[at.requests], Field.REQUESTS)
        return Record(
            line=line,
            model=model or "(no model)",
            provider=_text(cells[at.provider]),
            input=input_tokens,
            output=output_tokens,
            cached=_count(cells[at.cached], Field.CACHED),
            total=(input_tokens or 0) + (output_tokens or 0) if total is None else total,
            cost=cost,
            latency_ms=latency_ms,
            at=figures.moment_of(cells[at.time], day_first=self._day_first),
            user=_text(cells[at.user]),
            project=_text(cells[at.project]),
            requests=1 if requests is None else requests,
        )

    def names(self, row: Sequence[Cell]) -> tuple[str, str, str]:
        """Model, user and project of a row, whatever else is in it; empty where it names none."""
        if len(row) != self._width:
            return "", "", ""
        cells = [*row, None]
        at = self._at
        return _text(cells[at.model]), _text(cells[at.user]), _text(cells[at.project])

    def _latency_ms(self, cell: Cell) -> float | None:
        latency = _amount(cell, "latency")
        return None if latency is None else float(latency * self._latency_scale)

    def _cost(self, cells: Sequence[Cell]) -> Decimal | None:
        cell = cells[self._at.cost]
        cost = _amount(cell, "cost")
        code = figures.currency_in(cell) or _text(cells[self._at.currency]).upper() or self.currency
        if code != self.currency:
            # Sums over two currencies would be no sums.
            raise SkipRow(f"its cost is in {code[:8]}, not in {self.currency}")
        if cost is not None:
            return cost if self._cost_is_plain else cost * self._cost_scale[Field.COST]
        parts = [
            value * self._cost_scale[key]
            for key, index in self._cost_parts
            if (value := _amount(cells[index], "cost")) is not None
        ]
        return sum(parts, Decimal(0)) if parts else None


def rows_of(table: Table) -> RowReader:
    """The reader of a table's rows; raises UnreadableData when no column holds a figure."""
    found = columns.detect(table.headers)
    if not found.keys() & _FIGURES:
        names = ", ".join(table.headers[:12])
        raise UnreadableData(
            f"I found no column of tokens, cost or latency among: {names or 'no headers'}."
        )
    sample = [row for _, row in islice(table.rows(), SAMPLE_ROWS)]
    return RowReader(found, sample, len(table.headers))


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return _stripped(cell)
    return "" if cell is None else str(cell)


@lru_cache(maxsize=NAMES_CACHED)
def _stripped(text: str) -> str:
    return text.strip()[:TEXT_CHARS_MAX]


def _is_total(cell: Cell) -> bool:
    # Short ones only: the first cell is mostly a time, and this runs for each row.
    if not isinstance(cell, str) or len(cell) > TOTAL_CHARS_MAX:
        return False
    return cell.strip().lower() in TOTAL_WORDS


def _count(cell: Cell, key: Field) -> int | None:
    if cell is None or cell == "":
        return None
    # The common spelling first: a file may have a hundred thousand of these.
    if isinstance(cell, str) and cell.isdecimal() and len(cell) < 15:
        return int(cell)
    count = figures.count_of(cell)
    if count is None and not figures.is_empty(cell):
        raise SkipRow(f"{key} is not a whole number")
    return count


def _amount(cell: Cell, what: str) -> Decimal | None:
    if cell is None or cell == "":
        return None
    value = figures.decimal_of(cell)
    if value is None:
        if figures.is_empty(cell):
            return None
        raise SkipRow(f"{what} is not a number")
    if value < 0:
        raise SkipRow(f"{what} is negative")
    return value


def _shape_problem(cells: int, width: int) -> str:
    if cells == 0:
        return "it cannot be read"
    return "fewer fields than the header" if cells < width else "more fields than the header"
