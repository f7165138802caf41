"""From bytes to rows: CSV, TSV, JSON and JSON lines, and data pasted into a message."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chat.agents.usage import columns

# The size of an attachment (20 MiB).
BYTES_MAX = 20 * 1024 * 1024
# A field longer than this is no usage figure; it also bounds the csv module's buffer.
FIELD_CHARS_MAX = 131_072
COLUMNS_MAX = 500
DELIMITERS = ",\t;|"
# Under these keys services put the list of records.
LIST_KEYS = ("data", "records", "rows", "usage", "items", "results", "events", "logs", "requests")

Cell = str | int | float | bool | None


class UnreadableData(Exception):
    """The bytes hold no table of usage; `message` says why in one sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headers and rows; each row comes with its line (or record) number for the reader."""

    format: str
    headers: Sequence[str]
    rows: Iterable[tuple[int, Sequence[Cell]]]
    notes: Sequence[str] = ()


def read_table(data: bytes) -> Table:
    """Read an export of any known format; raises UnreadableData with a reason in words."""
    if len(data) > BYTES_MAX:
        raise UnreadableData("The data is larger than 20 MiB, which is the most I read at once.")
    text, notes = _decoded(data)
    stripped = text.lstrip()
    if not stripped:
        raise UnreadableData("The data is empty.")
    if stripped[0] in "[{":
        return read_json(stripped, notes)
    return _read_delimited(text, notes)


def _decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    notes: tuple[str, ...] = ()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        notes = ("The file is not UTF-8; I read it as Latin-1.",)
    if "\0" in text[:4096] or sum(ch < " " and ch not in "\t\r\n\f" for ch in text[:4096]) > 8:
        raise UnreadableData("This is a binary file, not CSV, TSV, JSON or JSON lines.")
    return text, notes


def _lines_of(text: str) -> list[str]:
    """Lines as editors count them; str.splitlines() would also split at U+2028 inside a value."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _read_delimited(text: str, notes: Sequence[str]) -> Table:
    lines = _lines_of(text)
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    header_line = lines[start]
    delimiter = delimiter_of(header_line)
    if delimiter is None:
        raise UnreadableData(
            "I found no header line that names a model, tokens, cost or latency column."
        )
    markdown = delimiter == "|" and header_line.strip().startswith("|")
    headers = _split(header_line, delimiter, markdown=markdown)
    if len(headers) > COLUMNS_MAX:
        raise UnreadableData(f"The header has more than {COLUMNS_MAX} columns.")
    rows = _delimited_rows(lines[start + 1 :], start + 2, delimiter, markdown=markdown)
    kind = {"\t": "TSV", ",": "CSV", ";": "CSV (semicolons)", "|": "table"}[delimiter]
    return Table(format=kind, headers=headers, rows=rows, notes=notes)


def delimiter_of(header_line: str) -> str | None:
    """The delimiter under which the header names most known columns, at least two."""
    scores = [
        (len(columns.detect(_split(header_line, delimiter, markdown=delimiter == "|"))), -rank)
        for rank, delimiter in enumerate(DELIMITERS)
    ]
    known, rank = max(scores)
    return DELIMITERS[-rank] if known >= 2 else None


def _split(line: str, delimiter: str, *, markdown: bool) -> list[str]:
    if markdown:
        line = line.strip().strip("|")
    try:
        fields = next(csv.reader([line[:FIELD_CHARS_MAX]], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [field.strip() for field in fields]


def _delimited_rows(
    lines: Sequence[str], first_number: int, delimiter: str, *, markdown: bool
) -> Iterator[tuple[int, Sequence[Cell]]]:
    source: Iterable[str] = lines
    if markdown:
        source = (line.strip().strip("|") for line in lines)
    # Fields with line breaks inside quotes need the breaks that splitlines() took away.
    reader = csv.reader((f"{line}\n" for line in source), delimiter=delimiter)
    while True:
        number = first_number + reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield number, ()
            continue
        if not row or (markdown and set("".join(row)) <= set("-: ")):
            continue
        yield number, row


def read_json(text: str, notes: Sequence[str]) -> Table:
    """Read JSON or JSON lines; raises UnreadableData."""
    try:
        records = _array(text) if text.startswith("[") else _records_in(json.loads(text))
    except (ValueError, RecursionError):
        return _read_json_lines(text, notes)
    return _table_of("JSON", enumerate(records, start=1), notes)


_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,]*")


def _array(text: str) -> list[object]:
    """The elements of an array, one decoder call each: a single one would hold the GIL for all."""
    records: list[object] = []
    position = _between(text, 1)
    while not text.startswith("]", position):
        record, end = _DECODER.raw_decode(text, position)
        records.append(record)
        position = _between(text, end)
    if text[position + 1 :].strip():
        raise ValueError("more than one value")
    return records


def _between(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _read_json_lines(text: str, notes: Sequence[str]) -> Table:
    def parsed() -> Iterator[tuple[int, object]]:
        for number, line in enumerate(_lines_of(text), start=1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None

    return _table_of("JSON lines", parsed(), notes)


def _records_in(value: object) -> list[object]:
    """The list inside a wrapping object; an object without one is a single record."""
    if isinstance(value, dict):
        for key in LIST_KEYS:
            if isinstance(value.get(key), list):
                return list(value[key])
    return [value]


def _table_of(kind: str, records: Iterable[tuple[int, object]], notes: Sequence[str]) -> Table:
    flat = [
        (number, _flattened(part)) for number, record in records for part in _unbucketed(record)
    ]
    headers: dict[str, int] = {}
    for _, cells in flat:
        for name in cells:
            if len(headers) < COLUMNS_MAX:
                headers.setdefault(name, len(headers))
    if len(columns.detect(list(headers))) < 2:
        raise UnreadableData(
            "I found no records that name at least two of model, tokens, cost, latency and time."
        )
    return Table(
        format=kind,
        headers=list(headers),
        rows=[
            (number, [cells.get(name) for name in headers] if cells else ())
            for number, cells in flat
        ],
        notes=notes,
    )


def _unbucketed(record: object) -> Iterator[object]:
    """A time bucket (start_time, results: […]) is one record per result, each with its time."""
    if isinstance(record, dict) and isinstance(record.get("results"), list):
        shared = {key: value for key, value in record.items() if key != "results"}
        for part in record["results"]:
            yield {**shared, **part} if isinstance(part, dict) else part
    else:
        yield record


def _flattened(record: object, prefix: str = "", depth: int = 0) -> Mapping[str, Cell]:
    if not isinstance(record, dict):
        return {}
    cells: dict[str, Cell] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            if depth < 3:
                cells.update(_flattened(value, f"{prefix}{key}.", depth + 1))
        elif value is None or isinstance(value, (str, int, float)):
            cells[f"{prefix}{key}"] = value
    return cells
