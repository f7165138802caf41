"""Frames of `netra.v1`: what a client may send, what it gets, `decode()` and `encode()`."""

import json
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chat.protocol.codes import RETRYABLE, ErrorCode

SUBPROTOCOL: Final = "netra.v1"
FRAME_BYTES_MAX: Final = 64 * 1024
TEXT_CHARS_MAX: Final = 10_000
FILES_PER_MESSAGE_MAX: Final = 10
HEADS_PER_FRAME_MAX: Final = 500
THREADS_PER_CONNECTION_MAX: Final = 200

# Ids are checked by their types where they are looked up; here only their size is bounded.
ID = Annotated[str, Meta(min_length=1, max_length=64)]
ClientID = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Heads = dict[ID, Seq]


class ClientFrame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """A frame from a client; unknown fields are ignored."""


class Send(ClientFrame, frozen=True, kw_only=True, tag="send"):
    client_id: ClientID
    text: str
    thread_id: ID | None = None
    mode: Literal["queue", "interrupt"] = "queue"
    files: Annotated[tuple[ID, ...], Meta(max_length=FILES_PER_MESSAGE_MAX)] = ()
    # Answers in this thread from now on; null for the one that did before.
    model: ID | None = None


class Subscribe(ClientFrame, frozen=True, kw_only=True, tag="subscribe"):
    thread_id: ID
    after_seq: Seq | None = None


class Unsubscribe(ClientFrame, frozen=True, kw_only=True, tag="unsubscribe"):
    thread_id: ID


class Stop(ClientFrame, frozen=True, kw_only=True, tag="stop"):
    client_id: ClientID
    run_id: ID


class Advance(ClientFrame, frozen=True, kw_only=True, tag="advance"):
    """Let a message that waits go before all others; its run names it."""

    client_id: ClientID
    run_id: ID


class Edit(ClientFrame, frozen=True, kw_only=True, tag="edit"):
    """Another text for a message: in place while it waits, else as a version beside it."""

    client_id: ClientID
    message_id: ID
    text: str
    model: ID | None = None


class Regenerate(ClientFrame, frozen=True, kw_only=True, tag="regenerate"):
    """Answer a question once more; the answer so far stays."""

    client_id: ClientID
    run_id: ID
    model: ID | None = None


class Switch(ClientFrame, frozen=True, kw_only=True, tag="switch"):
    """Show the branch through an answer or, instead, through a message."""

    client_id: ClientID
    run_id: ID | None = None
    message_id: ID | None = None


class Approve(ClientFrame, frozen=True, kw_only=True, tag="approve"):
    """What the user decides about a tool call; `args` replace those the model chose."""

    client_id: ClientID
    run_id: ID
    call_id: Annotated[str, Meta(min_length=1, max_length=128)]
    decision: Literal["approve", "deny"]
    args: dict[str, Any] | None = None


class Seen(ClientFrame, frozen=True, kw_only=True, tag="seen"):
    heads: Heads
    bytes: Seq


class Typing(ClientFrame, frozen=True, kw_only=True, tag="typing"):
    thread_id: ID


class Ping(ClientFrame, frozen=True, kw_only=True, tag="ping"):
    pass


# Those that get exactly one final answer, ack or error.
Answered = Send | Stop | Advance | Edit | Regenerate | Switch | Approve
AnyClientFrame = Answered | Subscribe | Unsubscribe | Seen | Typing | Ping


class ServerFrame(Struct, kw_only=True, tag_field="type", omit_defaults=False):
    """A frame to a client."""


class FrameLimits(Struct, frozen=True, kw_only=True):
    """`frame` in bytes of UTF-8, `text` in code points, as in `ready`."""

    frame: int = FRAME_BYTES_MAX
    text: int = TEXT_CHARS_MAX


class Welcome(ServerFrame, kw_only=True, tag="welcome"):
    connection_id: str
    limits: FrameLimits
    heartbeat_s: int


class Services(Struct, frozen=True, kw_only=True):
    database: bool
    bus: bool
    runs: bool

    @property
    def all_up(self) -> bool:
        return self.database and self.bus and self.runs


class WhoIAm(Struct, frozen=True, kw_only=True):
    user_id: str
    email: str


class ActiveRunRef(Struct, frozen=True, kw_only=True):
    thread_id: str
    run_id: str


class Ready(ServerFrame, kw_only=True, tag="ready"):
    user: WhoIAm
    entitlements: dict[str, Any]
    limits: dict[str, int]
    services: Services
    active_runs: list[ActiveRunRef]


class Ack(ServerFrame, kw_only=True, tag="ack"):
    client_id: str
    message_id: str | None
    thread_id: str
    run_id: str | None
    seq: int | None
    duplicate: bool


class Delta(ServerFrame, kw_only=True, tag="delta"):
    """Text of a run's answer; `offset` counts code points from its beginning."""

    thread_id: str
    run_id: str
    attempt: int
    offset: int
    text: str


class Account(ServerFrame, kw_only=True, tag="account"):
    entitlements: dict[str, Any]


class ThreadRow(Struct, frozen=True, kw_only=True):
    """How a thread stands in the lists of its user; unread is an answer that ended since."""

    thread_id: str
    title: str
    updated_at: str
    running: bool
    pinned: bool
    archived: bool
    folder_id: str | None
    unread: bool
    # It lies in the bin, or is gone.
    deleted: bool
    # Only of one that is gone for ever.
    gone: bool | UnsetType = UNSET
    # A tool call waits for the user's decision; left out where that has not changed.
    waiting: bool | UnsetType = UNSET


class Threads(ServerFrame, kw_only=True, tag="threads"):
    threads: list[ThreadRow]


class FolderRow(Struct, frozen=True, kw_only=True):
    folder_id: str
    name: str


class Folders(ServerFrame, kw_only=True, tag="folders"):
    """All folders of the user by name; a thread whose folder is not among them is in none."""

    folders: list[FolderRow]


class TypingElsewhere(ServerFrame, kw_only=True, tag="typing"):
    """The user types in this thread at another connection of theirs."""

    thread_id: str
    connection_id: str


class State(ServerFrame, kw_only=True, tag="state"):
    services: Services


class Drain(ServerFrame, kw_only=True, tag="drain"):
    reconnect_after_ms: int


class Pong(ServerFrame, kw_only=True, tag="pong"):
    heads: dict[str, int]


class Error(ServerFrame, kw_only=True, tag="error", omit_defaults=True):
    code: str
    message: str
    retryable: bool
    retry_after_s: float | None = None
    client_id: str | None = None


class FrameRefused(Exception):
    """A client frame that cannot be taken; `frame()` is the answer to send."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        client_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.client_id = client_id
        self.retry_after_s = retry_after_s

    def frame(self) -> Error:
        return Error(
            code=self.code.value,
            message=self.message,
            retryable=self.code in RETRYABLE,
            retry_after_s=self.retry_after_s,
            client_id=self.client_id,
        )


_decoder: Final = msgspec.json.Decoder(AnyClientFrame)
_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_FRAME_TYPES: Final = frozenset(
    {
        "send", "subscribe", "unsubscribe", "stop", "advance", "edit", "regenerate", "switch",
        "approve", "seen", "typing", "ping",
    }
)  # fmt: skip


class _Named(Struct):
    """What is read of a frame that was refused, so that its sender learns which it was."""

    type: Any = None
    client_id: Any = None


_named: Final = msgspec.json.Decoder(_Named)


def decode(text: str) -> AnyClientFrame:
    """The frame in `text`; raises FrameRefused with a code a program can act on."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > FRAME_BYTES_MAX:
        raise FrameRefused(
            ErrorCode.FRAME_TOO_LARGE,
            f"A frame may have {FRAME_BYTES_MAX} bytes; this one has {len(raw)}. "
            "Send long text as a file.",
            client_id=_client_id_in(raw),
        )
    try:
        frame: AnyClientFrame = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _refusal(raw, error) from None
    except (msgspec.DecodeError, RecursionError):
        raise _undecodable(text) from None
    if isinstance(frame, Send | Edit):
        _check_text(frame)
    if isinstance(frame, Switch) and (frame.run_id is None) == (frame.message_id is None):
        raise FrameRefused(
            ErrorCode.INVALID_FRAME,
            "Name either the run_id of an answer or the message_id of a question.",
            client_id=frame.client_id,
        )
    if isinstance(frame, Seen) and len(frame.heads) > HEADS_PER_FRAME_MAX:
        raise FrameRefused(
            ErrorCode.TOO_MANY, f"A frame may name {HEADS_PER_FRAME_MAX} threads, not more."
        )
    return frame


def encode(frame: ServerFrame) -> str:
    return _encoder.encode(frame).decode()


def encode_value(value: object) -> str:
    """JSON text of a value made of structs, mappings, sequences and scalars."""
    return _encoder.encode(value).decode()


def _check_text(frame: Send | Edit) -> None:
    if not frame.text:
        raise FrameRefused(
            ErrorCode.TEXT_EMPTY, "A message needs at least one character.",
            client_id=frame.client_id,
        )  # fmt: skip
    if len(frame.text) > TEXT_CHARS_MAX:
        raise FrameRefused(
            ErrorCode.TEXT_TOO_LONG,
            f"A message may have {TEXT_CHARS_MAX} characters; this one has {len(frame.text)}. "
            "Attach the rest as a file.",
            client_id=frame.client_id,
        )
    if "\0" in frame.text:
        raise FrameRefused(
            ErrorCode.TEXT_INVALID, "A message cannot hold the character U+0000.",
            client_id=frame.client_id,
        )  # fmt: skip


def _undecodable(text: str) -> FrameRefused:
    """Why strict JSON refused it; a laxer reader finds the client_id that must be answered."""
    try:
        lax = json.loads(text)
    except (ValueError, RecursionError):
        return FrameRefused(ErrorCode.INVALID_JSON, "A frame is one JSON object.")
    client_id = _valid_client_id(lax.get("client_id")) if isinstance(lax, dict) else None
    if any("\ud800" <= character <= "\udfff" for character in json.dumps(lax, ensure_ascii=False)):
        return FrameRefused(
            ErrorCode.TEXT_INVALID, "A message cannot hold half a character.", client_id=client_id
        )
    return FrameRefused(
        ErrorCode.INVALID_JSON, "JSON has no NaN and no Infinity.", client_id=client_id
    )


def _refusal(raw: bytes, error: msgspec.ValidationError) -> FrameRefused:
    try:
        named = _named.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return FrameRefused(ErrorCode.INVALID_FRAME, "A frame is one JSON object with a type.")
    client_id = _valid_client_id(named.client_id)
    if not isinstance(named.type, str):
        return FrameRefused(
            ErrorCode.INVALID_FRAME, "A frame needs a type, as text.", client_id=client_id
        )
    if named.type not in _FRAME_TYPES:
        return FrameRefused(
            ErrorCode.UNKNOWN_TYPE, "This type of frame is not known here.", client_id=client_id
        )
    return FrameRefused(ErrorCode.INVALID_FRAME, f"{error}.", client_id=client_id)


def _client_id_in(raw: bytes) -> str | None:
    try:
        return _valid_client_id(_named.decode(raw).client_id)
    except (msgspec.DecodeError, RecursionError):
        return None


def _valid_client_id(value: object) -> str | None:
    try:
        return msgspec.convert(value, ClientID)
    except msgspec.ValidationError:
        return None
