"""JSON and JSON lines: records, flattened into rows under dotted headers."""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

from chat.agents.usage import columns
from chat.agents.usage.table import COLUMNS_MAX, Cell, Rows, Table, UnreadableData, watched

# Under these keys services put the list of records.
LIST_KEYS = frozenset({
    "data", "records", "rows", "usage", "items", "results", "events", "logs", "requests",
})  # fmt: skip
DEPTH_MAX = 3

Numbered = Iterator[tuple[int, object]]


def read_json(text: str, notes: Sequence[str]) -> Table:
    """Read JSON or JSON lines; raises UnreadableData."""
    try:
        return _table_of("JSON", lambda: enumerate(_records(text), start=1), notes)
    except (ValueError, RecursionError):
        return _table_of("JSON lines", lambda: _records_of_lines(text), notes)


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[\s,]*")
_COLON = re.compile(r"\s*:\s*")


def _records(text: str) -> Generator[object, None, None]:
    """Record by record: one decoder call for all of a large file would hold the GIL throughout."""
    walk = _elements(text, 0) if text.startswith("[") else _members(text)
    end = yield from walk
    if text[end:].strip():
        raise ValueError("more than one value")


def _elements(text: str, position: int) -> Generator[object, None, int]:
    """The elements of the array that begins at `position`; returns where it ends."""
    position = _behind(_SPACE, text, position + 1)
    while not text.startswith("]", position):
        value, position = _DECODER.raw_decode(text, position)
        yield value
        position = _behind(_SPACE, text, position)
    return position + 1


def _members(text: str) -> Generator[object, None, int]:
    """The records in the first known list of an object; one without a list is a single record."""
    record: dict[str, object] = {}
    has_list = False
    position = _behind(_SPACE, text, 1)
    while not text.startswith("}", position):
        key, position = _DECODER.raw_decode(text, position)
        position = _behind(_COLON, text, position)
        if not has_list and key in LIST_KEYS and text.startswith("[", position):
            has_list = True
            position = yield from _elements(text, position)
        else:
            record[str(key)], position = _DECODER.raw_decode(text, position)
        position = _behind(_SPACE, text, position)
    if not has_list:
        yield record
    return position + 1


def _behind(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    if match is None:
        raise ValueError("not JSON")
    return match.end()


def _records_of_lines(text: str) -> Numbered:
    for number, line in enumerate(_lines_of(text), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            yield number, None


def _lines_of(text: str) -> Iterator[str]:
    """Lines as editors count them; str.splitlines() would also split at U+2028 inside a value."""
    end = "\n" if "\n" in text else "\r"
    start = 0
    while (found := text.find(end, start)) >= 0:
        yield text[start:found]
        start = found + 1
    yield text[start:]


def _table_of(kind: str, records: Callable[[], Numbered], notes: Sequence[str]) -> Table:
    named = _headers_of(records())
    known = {column.header for column in columns.detect(named).values()}
    # Only these: records may have hundreds of other fields.
    headers = [name for name in named if name in known]
    if len(headers) < 2:
        raise UnreadableData(
            "I found no records that name at least two of model, tokens, cost, latency and time."
        )

    def rows() -> Rows:
        for number, record in records():
            for part in _unbucketed(record):
                cells = _flattened(part)
                yield number, [cells.get(name) for name in headers] if cells else ()

    return Table(format=kind, headers=headers, rows=rows, notes=notes)


def _headers_of(records: Iterable[tuple[int, object]]) -> list[str]:
    """All names, in the order in which they come: any record may be the first to have one."""
    headers: dict[str, None] = {}
    for _, record in watched(records, lambda: None):
        for part in _unbucketed(record):
            for name in _flattened(part):
                if len(headers) < COLUMNS_MAX:
                    headers.setdefault(name)
    return list(headers)


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
            if depth < DEPTH_MAX:
                cells.update(_flattened(value, f"{prefix}{key}.", depth + 1))
        elif value is None or isinstance(value, (str, int, float)):
            cells[f"{prefix}{key}"] = value
    return cells
