"""The `snapshot` frame: a thread as it stands at one seq, on the branch that is shown."""

from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from chat.protocol.events import Decision, Fault, FileRef
from chat.protocol.frames import ServerFrame


class ToolCallView(Struct, frozen=True, kw_only=True):
    call_id: str
    tool_name: str
    args: Raw
    status: str
    elapsed_ms: int | None
    result: Raw | UnsetType = UNSET
    error: dict[str, str] | UnsetType = UNSET
    # Of a call that waits for the user's decision, which is possible until then.
    expires_at: str | UnsetType = UNSET
    # Of a call that was decided about; `edited` says whether the user changed its arguments.
    decision: Decision | UnsetType = UNSET
    edited: bool | UnsetType = UNSET


class FeedbackView(Struct, frozen=True, kw_only=True):
    """What the user thinks of an answer."""

    rating: str
    reason: str | None


class MessageView(Struct, frozen=True, kw_only=True):
    """`status` is stored for a user's message; else how the run that wrote it ended."""

    message_id: str
    role: Literal["user", "assistant"]
    text: str
    run_id: str | None
    status: str
    seq: int
    ts: str
    files: tuple[FileRef, ...] = ()
    thinking: str | UnsetType = UNSET
    # From the run's beginning to its last thought, where it had any.
    thought_ms: int | UnsetType = UNSET
    tool_calls: tuple[ToolCallView, ...] | UnsetType = UNSET
    error: Fault | UnsetType = UNSET
    usage: dict[str, Any] | UnsetType = UNSET
    # Of an answer: the model that wrote it.
    model: str | UnsetType = UNSET
    # Of an answer: null where nothing was said about it.
    feedback: FeedbackView | UnsetType | None = UNSET
    # Of a question: the answer that it follows, null for the first of a thread.
    after_run_id: str | UnsetType | None = UNSET
    # Of an answer: the question.
    question_id: str | UnsetType = UNSET
    # Where there are several, oldest first: of a question its versions, by message; of an answer
    # all answers to its question, by run, which the question has as `answers` too.
    versions: tuple[str, ...] | UnsetType = UNSET
    answers: tuple[str, ...] | UnsetType = UNSET


class ActiveRun(Struct, frozen=True, kw_only=True):
    """It may answer a question of a branch that is not shown."""

    run_id: str
    question_id: str
    agent_name: str
    status: str
    attempt: int
    started_at: str | None
    thinking: str
    # As of a message.
    thought_ms: int | UnsetType = UNSET
    tool_calls: tuple[ToolCallView, ...] = ()


class QueuedRun(Struct, frozen=True, kw_only=True):
    run_id: str
    message_id: str
    position: int


class Snapshot(ServerFrame, kw_only=True, tag="snapshot"):
    thread_id: str
    seq: int
    messages: list[MessageView]
    # Older messages exist; the API has them.
    more: bool
    # The run in which the branch of `messages` ends.
    tip: str | None
    # What the user chose to be answered by; null for the default.
    model: str | None
    # Of all runs of the thread that have begun, on every branch.
    usage: dict[str, Any]
    active_run: ActiveRun | None
    queued_runs: list[QueuedRun]
