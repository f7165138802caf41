"""The tool that reads attached files: lines of text, pages of a PDF."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.documents import choose
from chat.agents.tools.registry import Attachment, ToolCall, ToolFault, tool
from chat.files.kinds import FileKind
from chat.files.pdf import PdfUnreadable, read_pdf
from chat.files.texts import extract

# Threads of Python share one core: more at once would only all be late, and each holds a file.
READERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="reader")
# Of one call, as JSON has them: about 6 000 tokens.
CHARS_MAX = 24_000
PLACE_MAX = 10_000_000


class FilePlace(BaseModel):
    """What to read."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(
        default="",
        max_length=255,
        description="Id or name of an attached file; empty for the newest.",
    )
    first: int = Field(
        default=1,
        ge=1,
        le=PLACE_MAX,
        description="The line of a text, or the page of a PDF, to begin with.",
    )


class FileReading(BaseModel):
    """What was read: `first` to `last` of `total` lines or pages.

    `words` counts the whole of a text, and the pages read of a PDF. `outline` holds headings,
    definitions, keys or bookmarks.
    """

    file_id: str
    name: str
    kind: FileKind
    bytes: int
    unit: Literal["line", "page", ""] = ""
    first: int = 0
    last: int = 0
    total: int = 0
    words: int = 0
    outline: list[str] = []
    text: str = ""
    width: int | None = None
    height: int | None = None


@tool(replayable=True, timeout_s=40)
async def read_attachment(call: ToolCall, place: FilePlace) -> FileReading:
    """Read a file attached to this conversation: text, code, logs and JSON by lines, PDF by pages,
    from `first` on, as much as fits; go on with the line or page after `last`. Tells the words and
    the outline, too. Of an image it tells the size only. For LLM usage exports use analyse_usage.
    """
    file = choose(call.context, place.source)
    known = FileReading(
        file_id=file.file_id,
        name=file.name,
        kind=file.kind,
        bytes=file.bytes,
        width=file.width,
        height=file.height,
    )
    if file.kind is FileKind.IMAGE:
        return known
    await call.progress(f"Reading {file.name}")
    if file.kind is FileKind.PDF:
        return known.model_copy(update=await _pages(file, place.first))
    return known.model_copy(update=await _lines(file, place.first))


async def _lines(file: Attachment, first: int) -> dict[str, object]:
    work = partial(extract, await file.read(), name=file.name, first=first, chars_max=CHARS_MAX)
    found = await asyncio.get_running_loop().run_in_executor(READERS, work)
    _require(first, found.total, "line")
    return {
        "unit": "line",
        "first": found.first,
        "last": found.last,
        "total": found.total,
        "words": found.words,
        "outline": list(found.outline),
        "text": found.text,
    }


async def _pages(file: Attachment, first: int) -> dict[str, object]:
    try:
        found = await read_pdf(await file.read(), first=first, chars_max=CHARS_MAX)
    except PdfUnreadable:
        raise ToolFault(
            "pdf_unreadable", f"{file.name} cannot be read: it is damaged, or too intricate."
        ) from None
    if found.is_locked:
        raise ToolFault("pdf_locked", f"{file.name} opens with a password only. Attach it without.")
    _require(first, found.pages, "page")
    return {
        "unit": "page",
        "first": first,
        "last": first + len(found.texts) - 1,
        "total": found.pages,
        "words": sum(len(text.split()) for text in found.texts),
        "outline": list(found.outline),
        "text": "\n\n".join(
            f"[page {number}]\n{text or '(no text that can be read: perhaps a scan)'}"
            for number, text in enumerate(found.texts, start=first)
        ),
    }


def _require(first: int, total: int, unit: str) -> None:
    if first > total:
        raise ToolFault("behind_the_end", f"The file ends with {unit} {total}.")
