"""CSV, TSV and tables of Markdown: a header line, and rows below it."""

import csv
from collections.abc import Callable, Iterable, Sequence

from chat.agents.usage import columns
from chat.agents.usage.table import COLUMNS_MAX, FIELD_CHARS_MAX, Rows, Table, UnreadableData

DELIMITERS = ",\t;|"
NAMES = {"\t": "TSV", ",": "CSV", ";": "CSV (semicolons)", "|": "table"}


def read_delimited(lines: Callable[[], Iterable[str]], notes: Sequence[str]) -> Table:
    """Read a table of lines; raises UnreadableData when no header is found."""
    header_number, header_line = _header_line(lines())
    delimiter = delimiter_of(header_line)
    if delimiter is None:
        raise UnreadableData(
            "I found no header line that names a model, tokens, cost or latency column."
        )
    markdown = delimiter == "|" and header_line.strip().startswith("|")
    headers = _split(header_line, delimiter, markdown=markdown)
    if len(headers) > COLUMNS_MAX:
        raise UnreadableData(f"The header has more than {COLUMNS_MAX} columns.")

    def rows() -> Rows:
        below = iter(lines())
        for _ in range(header_number):
            next(below)
        return _rows(below, header_number + 1, delimiter, markdown=markdown)

    return Table(format=NAMES[delimiter], headers=headers, rows=rows, notes=notes)


def _header_line(lines: Iterable[str]) -> tuple[int, str]:
    numbered = enumerate(lines, start=1)
    number, line = next((number, line) for number, line in numbered if line.strip())
    return number, line.rstrip("\n")


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


def _rows(lines: Iterable[str], first_number: int, delimiter: str, *, markdown: bool) -> Rows:
    source = (f"{line.strip().strip('|')}\n" for line in lines) if markdown else lines
    reader = csv.reader(source, delimiter=delimiter)
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
