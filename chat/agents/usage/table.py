"""A table as it is read: headers, and rows that come one by one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

# The size of an attachment (20 MiB).
BYTES_MAX = 20 * 1024 * 1024
# Rows of two bytes each would take a minute, and room for what is kept of each.
ROWS_MAX = 1_000_000
# A stop takes effect within this many rows, some milliseconds.
CHECK_EVERY_ROWS = 1024
# A field longer than this is no usage figure; it also bounds the csv module's buffer.
FIELD_CHARS_MAX = 131_072
COLUMNS_MAX = 500

Cell = str | int | float | bool | None
# Each with its line (or record) number for the reader.
Rows = Iterator[tuple[int, Sequence[Cell]]]
Row = TypeVar("Row")


class UnreadableData(Exception):
    """The bytes hold no table of usage; `message` says why in one sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def watched(rows: Iterable[Row], check: Callable[[], None]) -> Iterator[Row]:
    """The rows, with a call of `check` now and then; raises UnreadableData where they are too many.

    What `check` raises ends the reading.
    """
    for count, row in enumerate(rows):
        if count % CHECK_EVERY_ROWS == 0:
            check()
        if count >= ROWS_MAX:
            raise UnreadableData(f"The data has more than {ROWS_MAX:,} rows, the most I read.")
        yield row


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`rows` reads the rows from the first one each time: none of them is kept."""

    format: str
    headers: Sequence[str]
    rows: Callable[[], Rows]
    notes: Sequence[str] = ()
