"""What goes in and out of the API, as its document tells it."""

from typing import Annotated, Any, Final, Literal

from ninja import Field, Schema
from pydantic import BaseModel, ConfigDict, StringConstraints

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


# One line of words, without spaces around them.
Line: Final = StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")
Rating = Literal["up", "down"]
FeedbackReason = Literal["wrong", "unsafe", "not_helpful", "too_long", "other"]
SEQ_MAX: Final = 2**63 - 1


class In(BaseModel):
    """No `Schema`, which would take any JSON for an object of which nothing is given."""

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
    """As in the socket's `threads`; `unread` says that an answer ended which nobody has seen.

    `waiting` says that a tool call waits for the user's decision.
    """

    thread_id: str
    title: str
    updated_at: str
    running: bool
    pinned: bool
    archived: bool
    folder_id: str | None
    unread: bool
    deleted: bool
    waiting: bool


class ThreadPage(Schema):
    """The newest first; `next` is the cursor of the page after, null on the last."""

    threads: list[ThreadView]
    next: str | None


class ThreadChange(In):
    """What is to be another way; what is left out stays.

    A `folder_id` of null takes the thread out of its folder; `read_seq` only ever goes forward.
    """

    title: Annotated[str, Line, Field(max_length=200, default_factory=str)]
    pinned: Annotated[bool, Field(default_factory=bool)]
    archived: Annotated[bool, Field(default_factory=bool)]
    folder_id: ID | None = None
    read_seq: Annotated[int, Field(ge=0, le=SEQ_MAX, default_factory=int)]


class FolderIn(In):
    name: Annotated[str, Line, Field(max_length=60)]


class FolderView(Schema):
    folder_id: str
    name: str


class FolderList(Schema):
    """By name."""

    folders: list[FolderView]


PromptName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        pattern=r"^[\w-]+$",
        description="Letters, digits, - and _; yours alone once, without regard to case.",
    ),
]
PromptText = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX, pattern=r"^[^\x00]*$")]


class PromptIn(In):
    """`{{…}}` in the text is a place that is filled when the prompt is used."""

    name: PromptName
    text: PromptText


class PromptChange(In):
    """What is to be another way; what is left out stays."""

    name: Annotated[PromptName, Field(default_factory=str)]
    text: Annotated[PromptText, Field(default_factory=str)]


class PromptView(Schema):
    prompt_id: str
    name: str
    text: str
    updated_at: str


class PromptList(Schema):
    """By name."""

    prompts: list[PromptView]


class ShareView(Schema):
    """`url` shows `messages` messages to whoever has it."""

    share_id: str
    url: str
    created_at: str
    messages: int


class FoundView(Schema):
    """Marks are from and to in code points; without a message the title alone was found."""

    thread_id: str
    title: str
    title_marks: list[tuple[int, int]]
    archived: bool
    message_id: str | None
    role: Literal["user", "assistant"] | None
    excerpt: str
    marks: list[tuple[int, int]]
    ts: str


class FoundPage(Schema):
    """Threads by their titles, then messages, each newest first."""

    results: list[FoundView]
    next: str | None


class FeedbackIn(In):
    rating: Rating
    reason: FeedbackReason | None = None
    comment: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class FeedbackView(Schema):
    rating: Rating
    reason: FeedbackReason | None


class MessagePage(Schema):
    """The shown branch, oldest first, each message as in the socket's `snapshot`."""

    messages: list[dict[str, Any]]
    next: str | None


class MessageIn(In):
    client_id: ClientID
    text: Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX, pattern=r"^[^\x00]*$")]
    thread_id: ID | None = None
    mode: Literal["queue", "interrupt"] = "queue"
    model: Annotated[
        ID | None, Field(description="Of /models; it answers in this thread from now on.")
    ] = None
    files: Annotated[list[ID], Field(max_length=FILES_PER_MESSAGE_MAX, default_factory=list)]


class ModelView(Schema):
    model: str
    name: str


class ModelList(Schema):
    """The default first."""

    models: list[ModelView]


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
    """`message_id` is null until a message has it; an image has its size in pixels."""

    file_id: str
    name: str
    bytes: int
    kind: Literal["text", "pdf", "image"]
    width: int | None
    height: int | None
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


class UsageView(Schema):
    """`allowed` is null where the plan has no limit; what has no `resets_at` is given back."""

    limit: str
    used: int
    allowed: int | None
    resets_at: str | None


class UsageList(Schema):
    usage: list[UsageView]
