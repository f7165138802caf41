"""What a run's story reads of the frames of `netra.v1`; more in them is passed over."""

from typing import Any, Final

import msgspec
from msgspec import Struct


class EventRead(Struct, frozen=True):
    seq: int
    type: str
    run_id: str | None
    data: dict[str, Any]


class CallRead(Struct, frozen=True):
    call_id: str
    tool_name: str
    args: Any
    status: str
    result: Any = None
    error: dict[str, str] | None = None
    expires_at: str | None = None


class RunRead(Struct, frozen=True):
    """A message of a snapshot, or its active run."""

    run_id: str | None
    status: str
    role: str = "assistant"
    text: str = ""
    thinking: str = ""
    tool_calls: tuple[CallRead, ...] = ()
    model: str = ""
    usage: dict[str, Any] = {}
    error: dict[str, Any] | None = None


class QueuedRead(Struct, frozen=True):
    run_id: str


class FrameRead(Struct, frozen=True):
    type: str
    events: tuple[EventRead, ...] = ()
    # Of a delta
    run_id: str | None = None
    attempt: int = 0
    offset: int = 0
    text: str = ""
    # Of a snapshot
    messages: tuple[RunRead, ...] = ()
    active_run: RunRead | None = None
    queued_runs: tuple[QueuedRead, ...] = ()


_frames: Final = msgspec.json.Decoder(FrameRead)


def read(frame: str) -> FrameRead:
    return _frames.decode(frame)
