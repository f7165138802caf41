"""Data pasted into a message, told apart from the words around it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from chat.agents.usage.delimited import DELIMITERS, delimiter_of
from chat.agents.usage.json_rows import read_json
from chat.agents.usage.table import UnreadableData

# A header stands within the first lines of a message, below its question.
HEADER_LINES_MAX = 30
# Runs of one thread look at the same messages again and again.
CACHED_MAX = 512
_FENCE = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_JSON_START = re.compile(r"^[ \t]{0,40}[\[{]", re.MULTILINE)


class Pasted(NamedTuple):
    """A message in two parts; `data` is None when it is all words."""

    words: str
    data: str | None


@lru_cache(maxsize=CACHED_MAX)
def split(text: str) -> Pasted:
    """Take a message apart into words and data: fenced, a table, JSON or JSON lines."""
    for fence in _FENCE.finditer(text):
        inner = split(fence[1])
        if inner.data is not None:
            return Pasted(_joined(text[: fence.start()], text[fence.end() :]), inner.data)
    lines = text.splitlines()
    for number, (line, below) in enumerate(pairwise(lines[: HEADER_LINES_MAX + 1])):
        # Cheap first: most lines of a conversation are prose.
        if not any(sign in line and sign in below for sign in DELIMITERS):
            continue
        delimiter = delimiter_of(line)
        if delimiter is not None and delimiter in below:
            end = _table_end(lines, number, delimiter)
            data = "\n".join(lines[number:end])
            return Pasted(_joined("\n".join(lines[:number]), "\n".join(lines[end:])), data)
    return _split_json(text)


def _joined(before: str, after: str) -> str:
    return f"{before.strip()}\n{after.strip()}".strip()


def _table_end(lines: Sequence[str], start: int, delimiter: str) -> int:
    """The first line behind the header that is not of the table."""
    for number in range(start, len(lines)):
        if delimiter not in lines[number]:
            return number
    return len(lines)


def _split_json(text: str) -> Pasted:
    match = _JSON_START.search(text)
    if match is None:
        return Pasted(text, None)
    end = max(text.rfind("]"), text.rfind("}")) + 1
    data = text[match.start() : end].strip()
    try:
        read_json(data, ())
    except UnreadableData:
        return Pasted(text, None)
    return Pasted(_joined(text[: match.start()], text[end:]), data)
