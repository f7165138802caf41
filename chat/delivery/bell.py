"""The doorbell between processes: the only speaker to the channel layer's groups.

What it carries may be lost at any moment; the log heals that (DESIGN §4a).
"""

import asyncio
import logging
import time
from collections import deque
from typing import Any, Final

import msgspec
from channels.layers import get_channel_layer
from msgspec import Struct
from redis.exceptions import RedisError

from chat.delivery import trace
from chat.delivery.layer import BusLayer
from netra import traces

logger = logging.getLogger(__name__)

# Rings that wait for a slow bus; beyond that they are dropped, since subscribers heal.
WAITING_MAX: Final = 2000
# In one write; a failure costs so many rings at most.
SENT_AT_ONCE_MAX: Final = 100
SEND_TIMEOUT_S: Final = 2.0
_LOG_EVERY_S: Final = 10.0


class ThreadEvents(Struct, tag="events", kw_only=True):
    """A committed batch of one thread, as the frame that goes to its sockets."""

    thread_id: str
    first: int
    last: int
    frame: str
    ends_run: bool = False
    # The seqs of its messages, whose way is traced.
    messages: tuple[int, ...] = ()
    # The span in which it was appended, where its process is traced.
    traceparent: str = ""

    @property
    def group(self) -> str:
        return thread_group(self.thread_id)


class ThreadDelta(Struct, tag="delta", kw_only=True):
    """Text beside the log; `offset` in code points from the beginning of the answer."""

    thread_id: str
    run_id: str
    attempt: int
    offset: int
    text: str

    @property
    def group(self) -> str:
        return thread_group(self.thread_id)


class UserFrame(Struct, tag="user", kw_only=True):
    """A frame for every socket of a user."""

    user_id: str
    frame: str

    @property
    def group(self) -> str:
        return user_group(self.user_id)


class AccessEnded(Struct, tag="ended", kw_only=True):
    """Sockets of a user, or of one session of theirs, must close with `code`."""

    user_id: str
    session_key: str | None
    code: int

    @property
    def group(self) -> str:
        return user_group(self.user_id)


class EntitlementsChanged(Struct, tag="entitlements", kw_only=True):
    user_id: str

    @property
    def group(self) -> str:
        return user_group(self.user_id)


class ThreadTyping(Struct, tag="typing", kw_only=True):
    """Somebody types; `connection_id` is the socket that need not be told."""

    thread_id: str
    connection_id: str

    @property
    def group(self) -> str:
        return thread_group(self.thread_id)


class ForceFail(Struct, tag="fail", kw_only=True):
    """An operator's order to the web process `node`: fail this connection."""

    node: str
    connection_id: str
    reason: str

    @property
    def group(self) -> str:
        return node_group(self.node)


class CarriedFrames(Struct, tag="carried", kw_only=True):
    """Frames for a socket over HTTP that another process took; `node` wants to know of it."""

    connection_id: str
    session_key: str
    frames: list[str]
    carry_id: str
    node: str

    @property
    def group(self) -> str:
        return carried_group(self.connection_id)


class FramesTaken(Struct, tag="taken", kw_only=True):
    """Tells `node` whether frames that it carried have their socket."""

    node: str
    carry_id: str
    taken: bool

    @property
    def group(self) -> str:
        return node_group(self.node)


Ring = (
    ThreadEvents
    | ThreadDelta
    | UserFrame
    | AccessEnded
    | EntitlementsChanged
    | ThreadTyping
    | ForceFail
    | CarriedFrames
    | FramesTaken
)

_encoder: Final = msgspec.msgpack.Encoder(enc_hook=str)
_decoder: Final = msgspec.msgpack.Decoder(Ring)


def thread_group(thread_id: str) -> str:
    return f"thread.{thread_id}"


def user_group(user_id: str) -> str:
    return f"user.{user_id}"


def node_group(node: str) -> str:
    return f"node.{node}"


def carried_group(connection_id: str) -> str:
    return f"carried.{connection_id}"


def message_of(ring_: Ring) -> dict[str, Any]:
    return {"type": "bell", "body": _encoder.encode(ring_)}


def ring_of(message: dict[str, Any]) -> Ring:
    """The ring inside a channel-layer message; raises msgspec.DecodeError for a foreign one."""
    ring_: Ring = _decoder.decode(message["body"])
    return ring_


class Outbox:
    """What waits for one shard of the layer: never blocks its caller, joins text that waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, layer: BusLayer, shard: int) -> None:
        self.loop = loop
        self.dropped = 0
        self._layer = layer
        self._shard = shard
        self._waiting: deque[Ring] = deque()
        self._task: asyncio.Task[None] | None = None
        self._logged_at = float("-inf")

    def put(self, ring_: Ring) -> None:
        if self._joined(ring_):
            return
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            return
        self._waiting.append(ring_)
        if self._task is None:
            self._task = self.loop.create_task(self._send_all())

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def drained(self) -> None:
        """Wait until everything put so far was sent or given up."""
        while self._task is not None:
            await asyncio.wait({self._task})

    def _joined(self, ring_: Ring) -> bool:
        last = self._waiting[-1] if self._waiting else None
        if not (isinstance(ring_, ThreadDelta) and isinstance(last, ThreadDelta)):
            return False
        same = (last.run_id, last.attempt) == (ring_.run_id, ring_.attempt)
        if not same or last.offset + len(last.text) != ring_.offset:
            return False
        last.text += ring_.text
        return True

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                began_at = time.time()
                count = min(len(self._waiting), SENT_AT_ONCE_MAX)
                rings = [self._waiting.popleft() for _ in range(count)]
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self._layer.group_send_all(
                            self._shard, [(it.group, message_of(it)) for it in rings]
                        )
                    for ring_ in rings:
                        if isinstance(ring_, ThreadEvents):
                            _published(ring_, began_at)
                except (RedisError, OSError):  # the bus is away; subscribers heal by the log
                    self.dropped += count
                    self._log_outage()
        finally:
            self._task = None

    def _log_outage(self) -> None:
        now = self.loop.time()
        if now - self._logged_at > _LOG_EVERY_S:
            self._logged_at = now
            logger.warning("the bus does not take messages; %d dropped so far", self.dropped)


def _published(ring_: ThreadEvents, began_at: float) -> None:
    trace.published(ring_.thread_id, ring_.messages)
    if ring_.traceparent:
        traces.record(
            "publish",
            began_at=began_at,
            traceparent=ring_.traceparent,
            thread_id=ring_.thread_id,
            head=ring_.last,
        )


class Ringer:
    """One loop's way to the layer: each shard has an outbox, so that none waits for another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        layer = get_channel_layer()
        assert isinstance(layer, BusLayer)
        self.loop = loop
        self._layer = layer
        self._outboxes = [Outbox(loop, layer, shard) for shard in range(layer.shards)]

    def put(self, *rings: Ring) -> None:
        for ring_ in rings:
            self._outboxes[self._layer.shard_of(ring_.group)].put(ring_)

    @property
    def dropped(self) -> int:
        return sum(outbox.dropped for outbox in self._outboxes)

    @property
    def waiting(self) -> int:
        return sum(outbox.waiting for outbox in self._outboxes)

    async def drained(self) -> None:
        """Wait until everything put so far was sent or given up."""
        for outbox in self._outboxes:
            await outbox.drained()


_ringer: Ringer | None = None


def attach() -> Ringer:
    """Make the running loop the one that rings for this process's threads too."""
    global _ringer
    loop = asyncio.get_running_loop()
    if _ringer is None or _ringer.loop is not loop:
        _ringer = Ringer(loop)
    return _ringer


def attached() -> Ringer | None:
    """The one that rings for this process, if any does yet."""
    return _ringer


def ring(*rings: Ring) -> None:
    """Ring from any thread; without an attached loop (a command) nobody hears; the log heals."""
    ringer = _ringer
    if ringer is None or ringer.loop.is_closed():
        return
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is ringer.loop:
        ringer.put(*rings)
        return
    ringer.loop.call_soon_threadsafe(ringer.put, *rings)
