"""Text files as people and models read them: from a line on, with counts and an outline."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

from msgspec import Struct

# A longer line is several, so that each part of a file can be asked for.
LINE_CHARS_MAX: Final = 2_000
OUTLINE_MAX: Final = 30
OUTLINE_CHARS_MAX: Final = 120
# Larger JSON is not parsed for its keys.
JSON_CHARS_MAX: Final = 1_000_000
_CHUNK_BYTES: Final = 64 * 1024
_HEADING: Final = re.compile(r"#{1,6} +(?P<title>\S.*)")
_DEFINITION: Final = re.compile(
    r"(?:export +(?:default +)?|pub +|public +)?(?:async +)?"
    r"(?:class|def|function|func|fn|struct|enum|interface|trait|type|CREATE +TABLE) +\S.*",
    re.IGNORECASE,
)
_OUTLINED: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    dict.fromkeys((".md", ".markdown"), _HEADING)
    | dict.fromkeys((".py", ".js", ".ts", ".go", ".rs", ".java", ".rb", ".sql"), _DEFINITION)
)


class Extract(Struct, frozen=True, kw_only=True):
    """Lines `first` to `last` of `total`; words and outline are of the whole file."""

    text: str
    first: int
    last: int
    total: int
    words: int
    outline: tuple[str, ...]


def extract(data: bytes, *, name: str, first: int, chars_max: int) -> Extract:
    """The lines from `first` on that fit, at least one; none behind the end."""
    text = decoded(data)
    lines = list(_lines(text))
    taken: list[str] = []
    room = chars_max
    for line in lines[first - 1 :]:
        # Counted as the result is stored and sent: other writing is escaped.
        room -= len(json.dumps(line))
        if taken and room < 0:
            break
        taken.append(line)
    return Extract(
        text="\n".join(taken),
        first=first,
        last=first + len(taken) - 1,
        total=len(lines),
        # Line by line: one call for all of a large file would hold up other threads.
        words=sum(len(line.split()) for line in lines),
        outline=tuple(_outline(text, lines, name)),
    )


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16, else Latin-1, which can decode anything."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if is_utf16 else "utf-8-sig")()
    try:
        starts = range(0, len(data), _CHUNK_BYTES)
        pieces = [decoder.decode(data[start : start + _CHUNK_BYTES]) for start in starts]
        return "".join([*pieces, decoder.decode(b"", final=True)])
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lines(text: str) -> Iterator[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    for line in lines:
        # U+0000 cannot be stored.
        whole = line.replace("\0", "\N{REPLACEMENT CHARACTER}")
        for start in range(0, len(whole) or 1, LINE_CHARS_MAX):
            yield whole[start : start + LINE_CHARS_MAX]


def _outline(text: str, lines: list[str], name: str) -> list[str]:
    """Headings, definitions or keys, by the ending of the name."""
    suffix = PurePath(name).suffix.lower()
    if suffix == ".json":
        return _keys(text)
    pattern = _OUTLINED.get(suffix)
    if pattern is None:
        return []
    found: list[str] = []
    is_code = False
    for line in lines:
        is_code ^= pattern is _HEADING and line.lstrip().startswith("```")
        match = None if is_code else pattern.match(line)
        if match is not None:
            found.append(line.strip().rstrip("{:").strip()[:OUTLINE_CHARS_MAX])
        if len(found) == OUTLINE_MAX:
            break
    return found


def _keys(text: str) -> list[str]:
    if len(text) > JSON_CHARS_MAX:
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    keys = value if isinstance(value, dict) else ()
    return [str(key)[:OUTLINE_CHARS_MAX] for key in keys][:OUTLINE_MAX]
