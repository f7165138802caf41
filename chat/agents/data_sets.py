"""The data sets of a thread: attached files and tables pasted into messages, newest first."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from chat.agents.tools.registry import Attachment, ToolContext, ToolFault
from chat.agents.usage import pasted
from chat.files.kinds import FileKind

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".log")
# Older messages are not searched: a thread may have thousands.
TEXTS_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Something of the thread that may be analysed; `id` stays the same in every run."""

    id: str
    name: str
    size: int
    read: Callable[[], Awaitable[bytes]]


def data_sets(context: ToolContext) -> Sequence[DataSet]:
    """What the newest message pastes, then the attached files, then older pastes."""
    pastes = [found for text in context.texts[:TEXTS_MAX] if (found := pasted_in(text))]
    newest = pasted_in(context.texts[0]) if context.texts else None
    files = [
        DataSet(id=file.file_id, name=file.name, size=file.bytes, read=file.read)
        for file in context.attachments
        if is_data(file)
    ]
    if newest is None:
        return [*files, *pastes]
    return [newest, *files, *pastes[1:]]


def is_data(file: Attachment) -> bool:
    """Whether a file may be usage data, by its name."""
    return file.kind is FileKind.TEXT and file.name.lower().endswith(SUFFIXES)


def pasted_in(text: str) -> DataSet | None:
    """The data set pasted into a message, named by its content."""
    data = pasted.split(text).data
    if data is None:
        return None
    content = data.encode()

    async def read() -> bytes:
        return content

    name = f"paste:{sha256(content).hexdigest()[:12]}"
    return DataSet(id=name, name="the pasted data", size=len(content), read=read)


def choose(context: ToolContext, source: str) -> DataSet:
    """The data set named by id or file name, or the newest; raises ToolFault when there is none."""
    candidates = data_sets(context)
    if not candidates:
        raise ToolFault(
            "no_data",
            "There is no usage data in this thread yet: attach a CSV or JSON export, or paste one.",
        )
    if not source:
        return candidates[0]
    for candidate in candidates:
        if source in (candidate.id, candidate.name):
            return candidate
    names = ", ".join(candidate.name for candidate in candidates[:5])
    raise ToolFault(
        "unknown_source", f"There is no data called {source[:80]} here; I see: {names}."
    )
