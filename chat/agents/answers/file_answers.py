"""Answers about attached files: what they are and how they begin, quoted and not understood."""

import re

from chat.agents.answers.text import cell, count, plural
from chat.agents.tools.read_attachment import FileReading
from chat.files.kinds import FileKind

LINES_SHOWN_MAX = 15
CHARS_SHOWN_MAX = 1500
# Of a page or line that was asked for.
CHARS_READ_MAX = 4000
PARTS_SHOWN_MAX = 12
ONLY_QUOTE = "I only quote: I'm no language model, and don't understand what it says."
HOW_MORE = "Ask for “{unit} 3” or “read on” to see more of it."
CANNOT_SEE = (
    "I can't see pictures: I'm no language model. A connected model that takes images is shown it."
)


def reading(found: FileReading) -> str:
    """What the file is and how it begins, or the part of it that was asked for."""
    name = f"**{cell(found.name)}**"
    if found.kind is FileKind.IMAGE:
        size = f"{count(found.width or 0)} × {count(found.height or 0)} pixels"
        return f"{name} is an image of {size}, {_size(found.bytes)}. {CANNOT_SEE}"
    if found.first > 1:
        place = _place(found)
        return f"{name}, {place}:\n\n{_quoted(found.text, CHARS_READ_MAX)}{_rest(found)}"
    begins = "\n".join(found.text.split("\n")[:LINES_SHOWN_MAX])
    is_whole = found.last == found.total and len(begins) == len(found.text) <= CHARS_SHOWN_MAX
    parts = [
        _facts(found, name),
        _outline(found),
        f"It begins:\n\n{_quoted(begins, CHARS_SHOWN_MAX)}",
        ONLY_QUOTE if is_whole else f"{ONLY_QUOTE} {HOW_MORE.format(unit=found.unit)}",
    ]
    return "\n\n".join(part for part in parts if part)


def _facts(found: FileReading, name: str) -> str:
    total = plural(found.total, found.unit)
    if found.kind is FileKind.TEXT:
        return f"{name} is text: {total}, {plural(found.words, 'word')}, {_size(found.bytes)}."
    read = "its text has" if found.last == found.total else f"the first {found.last} have"
    words = plural(found.words, "word")
    return f"{name} is a PDF: {total}, {_size(found.bytes)}; {read} {words}."


def _outline(found: FileReading) -> str:
    if not found.outline:
        return ""
    shown = [f"- `{cell(part)}`" for part in found.outline[:PARTS_SHOWN_MAX]]
    more = len(found.outline) - len(shown)
    rest = [f"- and {more} more"] if more > 0 else []
    return "\n".join(["Its parts:\n", *shown, *rest])


def _place(found: FileReading) -> str:
    if found.first == found.last:
        return f"{found.unit} {found.first} of {count(found.total)}"
    return f"{found.unit}s {found.first} to {found.last} of {count(found.total)}"


def _rest(found: FileReading) -> str:
    return "\n\nSay “read on” for what follows." if found.last < found.total else ""


def _quoted(text: str, chars_max: int) -> str:
    """Words of a file as words: nothing in them is Markdown here."""
    shown = text[:chars_max] + ("\n…" if len(text) > chars_max else "")
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"


def _size(size: int) -> str:
    if size < 1000:
        return plural(size, "byte")
    if size < 1_000_000:
        return f"{size / 1000:.1f} KB"
    return f"{size / 1_000_000:.1f} MB"
