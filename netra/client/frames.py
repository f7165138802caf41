"""The server's frames of `netra.v1` and what they carry, as a client holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of a thread's log; `data` has the fields of its `type`, `ts` is ISO 8601 in UTC."""

    seq: int
    type: str
    run_id: str | None
    agent_name: str | None
    ts: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """`kind` is text, pdf or image; an image has its size in pixels."""

    file_id: str
    name: str
    bytes: int
    kind: str = "text"
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`status` is stored for a user's message; else how the run that wrote it stands.

    `run_id` is the run that wrote it, or that answers it on the shown branch. A question has
    `after_run_id`, the run whose answer it follows (None for a thread's first), an answer has
    `question_id`. Where there are several, oldest first and with itself: `versions` of a question
    by message, of an answer by run, and `answers`, the same runs, of the question.
    """

    message_id: str
    role: str
    text: str
    run_id: str | None
    status: str
    seq: int
    ts: str
    files: tuple[FileRef, ...] = ()
    after_run_id: str | None = None
    question_id: str | None = None
    versions: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    tier: str
    starts_at: str
    ends_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the user may do; a limit of None is no limit."""

    tier: str
    base_tier: str
    trial: Trial | None
    limits: Mapping[str, int | None]
    features: frozenset[str]
    why: str
    next_change: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    user_id: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Which of the server's dependencies are there; one that is away makes it degraded."""

    database: bool = True
    bus: bool = True
    runs: bool = True

    @property
    def all_up(self) -> bool:
        return self.database and self.bus and self.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    run_id: str
    status: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    connection_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    user: User
    account: Account
    services: Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The answer to a frame; `message_id` and `seq` are None where it stored nothing."""

    client_id: str
    message_id: str | None
    thread_id: str
    run_id: str | None
    seq: int | None
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    thread_id: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Text of a run's answer; `offset` counts code points, as Python's strings do."""

    thread_id: str
    run_id: str
    attempt: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    thread_id: str
    seq: int
    messages: tuple[Message, ...]
    # The run in which the branch of `messages` ends.
    tip: str | None
    active_run: ActiveRun | None
    queued_run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged:
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesChanged:
    services: Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    reconnect_after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    heads: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An `error` frame; without a `client_id` it answers a frame that has none."""

    code: str
    message: str
    retryable: bool
    retry_after_s: float | None
    client_id: str | None
    thread_id: str | None


ServerFrame = (
    Welcome
    | Ready
    | Ack
    | Events
    | Delta
    | Snapshot
    | AccountChanged
    | ServicesChanged
    | Drain
    | Pong
    | Problem
)
