"""Events of a thread's log: their types, their data, and how a batch looks on the wire."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from chat.protocol.frames import encode_value

RunStatus = Literal["completed", "stopped", "failed", "limit"]
Trigger = Literal["send", "edit", "regenerate", "retry"]
ToolStatus = Literal["ok", "error", "stopped", "denied"]
# Expired after 24 h, stopped with its run.
Decision = Literal["approve", "deny", "expired", "stopped"]


class Fault(Struct, frozen=True, kw_only=True):
    """What went wrong, in words for the user; never a stack trace."""

    code: str
    message: str
    retryable: bool


class EventData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `data` of one event; the class names its type."""

    type: ClassVar[str] = ""


class FileRef(Struct, frozen=True, kw_only=True):
    """A file of a message; an image has its size in pixels."""

    file_id: str
    name: str
    bytes: int
    kind: Literal["text", "pdf", "image"] = "text"
    width: int | UnsetType = UNSET
    height: int | UnsetType = UNSET


class MessageCreated(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "message_created"
    message_id: str
    role: Literal["user", "assistant"]
    text: str
    client_id: str | None = None
    files: tuple[FileRef, ...] = ()
    # The answer that a question follows; a thread's first one follows none.
    after_run_id: str | None = None


class MessageEdited(EventData, frozen=True, kw_only=True):
    """A message that waits has another text now."""

    type: ClassVar[str] = "message_edited"
    message_id: str
    text: str


class MessageMoved(EventData, frozen=True, kw_only=True):
    """A message that waits follows another answer now, or none: the order has changed."""

    type: ClassVar[str] = "message_moved"
    message_id: str
    after_run_id: str | None = None


class BranchSelected(EventData, frozen=True, kw_only=True):
    """The branch that is shown ends in this run, which answers this message."""

    type: ClassVar[str] = "branch_selected"
    run_id: str
    message_id: str


class RunQueued(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "run_queued"
    message_id: str
    position: int


class RunResumed(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "run_resumed"
    attempt: int
    reason: str


class AgentStarted(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "agent_started"
    model: str
    trigger: Trigger
    question_id: str


class AgentThinking(EventData, frozen=True, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "agent_thinking"
    text: str
    # That answers from here on, where it stands in for the one told before.
    model: str | None = None


class ToolCalled(EventData, frozen=True, kw_only=True):
    """A model wants a tool that needs an approval; nothing of it has run."""

    type: ClassVar[str] = "tool_call"
    call_id: str
    tool_name: str
    args: Any


class ApprovalRequired(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "approval_required"
    call_id: str
    tool_name: str
    args: Any
    expires_at: str


class ApprovalResolved(EventData, frozen=True, kw_only=True, omit_defaults=True):
    """`args` are those that will be used, where the user has edited them."""

    type: ClassVar[str] = "approval_resolved"
    call_id: str
    decision: Decision
    args: Any = None


class CitationAdded(EventData, frozen=True, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "citation_added"
    call_id: str
    title: str
    source: str
    excerpt: str = ""


class ToolExecuting(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "tool_executing"
    call_id: str
    tool_name: str
    args: Any


class ToolProgress(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "tool_progress"
    call_id: str
    text: str


class ToolCompleted(EventData, frozen=True, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "tool_completed"
    call_id: str
    tool_name: str
    status: ToolStatus
    elapsed_ms: int
    result: Any = None
    error: dict[str, str] | None = None


class MessageCompleted(EventData, frozen=True, kw_only=True):
    """`length` in code points, `sha256` in hex over UTF-8."""

    type: ClassVar[str] = "message_completed"
    message_id: str
    length: int
    sha256: str


class UsageUpdated(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "usage_updated"
    usage: dict[str, Any]


class LimitReachedEvent(EventData, frozen=True, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "limit_reached"
    limit: str
    message: str
    resets_at: str | None = None
    required_tier: str | None = None


class AgentCompleted(EventData, frozen=True, kw_only=True):
    type: ClassVar[str] = "agent_completed"
    status: RunStatus
    message_id: str | None
    usage: dict[str, Any]
    error: Fault | msgspec.UnsetType = msgspec.UNSET


class NewEvent(Struct, frozen=True, kw_only=True):
    """An event about to be appended; the database gives its seq."""

    data: EventData
    run_id: str | None = None
    agent_name: str | None = None


class StoredEvent(Struct, frozen=True, kw_only=True):
    """A row of the log; `ts` and `data`, JSON text, are as they go over the wire."""

    seq: int
    type: str
    run_id: str | None
    agent_name: str | None
    ts: str
    data: str


class _WireEvent(Struct, frozen=True, kw_only=True):
    seq: int
    type: str
    run_id: str | None
    agent_name: str | None
    ts: str
    data: msgspec.Raw


class _WireEvents(Struct, frozen=True, kw_only=True, tag_field="type", tag="events"):
    thread_id: str
    events: list[_WireEvent]


def encode_data(data: EventData) -> str:
    return encode_value(data)


def encode_events(thread_id: str, events: Sequence[StoredEvent]) -> str:
    """The `events` frame of a batch; encoded once, passed through untouched everywhere."""
    wire = [
        _WireEvent(
            seq=event.seq,
            type=event.type,
            run_id=event.run_id,
            agent_name=event.agent_name,
            ts=event.ts,
            data=msgspec.Raw(event.data.encode()),
        )
        for event in events
    ]
    return encode_value(_WireEvents(thread_id=thread_id, events=wire))


def timestamp(moment: datetime) -> str:
    """UTC, ISO 8601, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
