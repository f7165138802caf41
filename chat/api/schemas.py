"""What goes in and out of the API, as its document tells it."""

from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import ConfigDict

from chat.protocol.frames import FILES_PER_MESSAGE_MAX, TEXT_CHARS_MAX

ID = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
ClientID = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Made by you, unique for ever: a repeat is answered with the first result.",
    ),
]


class In(Schema):
    model_config = ConfigDict(strict=True)


class ProblemView(Schema):
    """RFC 9457; `code` is for programs, `detail` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    errors: list[dict[str, Any]] | None = None


class ThreadView(Schema):
    thread_id: str
    title: str
    updated_at: str
    running: bool


class ThreadPage(Schema):
    """The newest first; `next` is the cursor of the page after, null on the last."""

    threads: list[ThreadView]
    next: str | None


class MessagePage(Schema):
    """The shown branch, oldest first, each message as in the socket's `snapshot`."""

    messages: list[dict[str, Any]]
    next: str | None


class MessageIn(In):
    client_id: ClientID
    text: Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX, pattern=r"^[^\x00]*$")]
    thread_id: ID | None = None
    mode: Literal["queue", "interrupt"] = "queue"
    files: Annotated[list[ID], Field(max_length=FILES_PER_MESSAGE_MAX, default_factory=list)]


class Ack(Schema):
    """`duplicate` says that it was stored before."""

    client_id: str
    message_id: str
    thread_id: str
    run_id: str
    seq: int
    duplicate: bool


class RunView(Schema):
    """`text` is the answer as far as it has come."""

    run_id: str
    thread_id: str
    question_id: str
    status: Literal["queued", "running", "waiting", "completed", "stopped", "failed", "limit"]
    attempt: int
    text: str
    model: str
    usage: dict[str, Any]
    error: dict[str, Any] | None
    tool_calls: list[dict[str, Any]]


class DecisionIn(In):
    """`args` replace those the model chose."""

    decision: Literal["approve", "deny"]
    args: dict[str, Any] | None = None


class FileView(Schema):
    """`message_id` is null until a message has it."""

    file_id: str
    name: str
    bytes: int
    message_id: str | None
    created_at: str


class FilePage(Schema):
    files: list[FileView]
    next: str | None


class EntitlementsView(Schema):
    """What the account may do now, as in the socket's `account`; a limit of null is unlimited."""

    tier: str
    base_tier: str
    trial: dict[str, Any] | None
    limits: dict[str, int | None]
    features: list[str]
    why: str
    next_change: str | None
