"""What waits to be written to one socket, and the one task that writes it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from chat.connection.flow import Flow
from chat.connection.message_queue import MessagePriority, MessageQueue, QueuedMessage
from chat.connection.queued_message import KEPT
from netra.ids import ConnectionID
from netra.tally import TALLY
from netra.text_frames import WriteNow, never

FRAMES_MAX: Final = 1000
# Room kept for errors and control, so that none of them ever evicts a sequenced frame.
CRITICAL_FRAMES_MAX: Final = 100
# Never reached: a socket that takes nothing is closed long before.
AGE_S_MAX: Final = 3600.0
# What one slow socket may hold of this process's memory; beyond it, it is served from the log.
# Of memory, not of characters: a single emoji makes a text four times as wide.
HELD_BYTES_MAX: Final = 1024 * 1024
# A client that takes no frame for this long is gone or too slow.
WRITE_DEADLINE_S: Final = 10.0
# Nobody asks for a frame by name, and to make one for each costs more than to keep it.
FRAME_ID: Final = "frame"
# How long a client that does not confirm may be written no threads before it is let go.
PAUSE_MAX_S: Final = 30.0


class Outbound:
    """Frames for one socket; `put` never waits.

    With nothing ahead of it a frame goes to the socket at once, by `write_now`, which says False
    where the socket would have to wait; then frames queue up, and one task a burst writes them.

    What threads say goes through `put_thread`, which heeds what the client has confirmed;
    answers and control do not, or a client that is behind could not be told so.
    """

    __slots__ = (
        "_deadline",
        "_flow",
        "_frames",
        "_held_bytes",
        "_loop",
        "_on_pause",
        "_on_stuck",
        "_pause",
        "_queue",
        "_room",
        "_task",
        "_write",
        "_write_now",
        "_written",
        "chars",
    )

    def __init__(
        self,
        connection_id: ConnectionID,
        *,
        write: Callable[[str], Awaitable[None]],
        on_stuck: Callable[[], None],
        on_pause: Callable[[], None],
        write_now: WriteNow = never,
    ) -> None:
        self._queue: MessageQueue[str] = MessageQueue(
            connection_id=connection_id,
            user_id=None,
            max_size=FRAMES_MAX + CRITICAL_FRAMES_MAX,
            max_age_s=AGE_S_MAX,
        )
        self._queue.set_processor(self._process)
        self._write = write
        self._write_now = write_now
        self._on_stuck = on_stuck
        # Called when a client that confirms has fallen behind: a frame may wake it.
        self._on_pause = on_pause
        self._flow = Flow()
        self._pause: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None
        self._written = 0
        # Counted here, since the queue looks for expired frames each time it is asked.
        self._frames = 0
        self._held_bytes = 0
        self.chars = 0

    def put(self, frame: str, priority: MessagePriority = MessagePriority.HIGH) -> bool:
        """Write or keep a frame; False when the socket has fallen too far behind."""
        if self._frames == 0 and self._write_now(frame):
            TALLY.frames_sent += 1
        elif not self._keep(frame, priority):
            return False
        self._flow.wrote(_utf8_bytes(frame), self._loop.time())
        return True

    def put_thread(self, frame: str) -> bool:
        """Write or keep a frame of a thread; False when it must come from the log later."""
        if self._pause is not None:
            return False
        if self._flow.may_write(self._loop.time()):
            return self.put(frame)
        self._begin_pause()
        return False

    def confirm(self, total: int) -> None:
        """Take the client's count of the bytes that have arrived."""
        self._flow.confirm(total)
        if self._pause is not None and self._flow.may_write(self._loop.time(), after_pause=True):
            self._pause.cancel()
            self._pause = None
            self._make_room()

    @property
    def unconfirmed(self) -> int:
        """Bytes that a client that confirms has not confirmed yet."""
        return self._flow.unconfirmed if self._flow.confirms else 0

    async def room(self) -> None:
        """Wait until little enough is queued that an answer may be put."""
        while self._task is not None and not self._has_room():
            await self._wait_for_room()

    async def thread_room(self) -> None:
        """Wait until a replay may put more: there is room, and the client keeps up."""
        while self._pause is not None or (self._task is not None and not self._has_room()):
            await self._wait_for_room()

    async def drained(self) -> None:
        """Wait until everything put so far is written."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        self._write_now = never
        for timer in (self._deadline, self._pause):
            if timer is not None:
                timer.cancel()
        self._pause = None
        await self._queue.close()
        if self._task is not None:
            self._task.cancel()
        self._make_room()

    def _keep(self, frame: str, priority: MessagePriority) -> bool:
        if priority is MessagePriority.CRITICAL:
            if self._frames >= FRAMES_MAX + CRITICAL_FRAMES_MAX:
                self._on_stuck()
                return False
        elif self._held_bytes > HELD_BYTES_MAX or self._frames >= FRAMES_MAX:
            return False
        kept = self._queue.enqueue_nowait(frame, priority=priority, message_id=FRAME_ID)
        # Not its truth: that would be a call for each delivery.
        if kept is not KEPT:
            return False
        self._frames += 1
        self._held_bytes += sys.getsizeof(frame)
        self.chars += len(frame)
        if self._task is None:
            self._task = self._loop.create_task(self._write_all())
        return True

    async def _write_all(self) -> None:
        # One timer a burst, not a timeout a frame: that would cost more than the write.
        self._watch()
        written = self._written
        try:
            while len(self._queue):
                await self._queue.flush()
        finally:
            TALLY.frames_sent += self._written - written
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
            self._task = None
            # A text that was encoded meanwhile may hold its bytes too, and weigh more than it did.
            self._held_bytes = 0
            self._make_room()

    async def _process(self, message: QueuedMessage[str]) -> None:
        try:  # noqa: SIM105  a context manager for each frame costs as much as queueing it
            await self._write(message.payload)
        except (OSError, RuntimeError):
            # The client vanished, or the close has just been sent: a second try only fills the log.
            pass
        self._written += 1
        self._frames -= 1
        self._held_bytes -= sys.getsizeof(message.payload)
        self.chars -= len(message.payload)
        if self._room is not None and self._has_room():
            self._make_room()

    def _watch(self) -> None:
        written = self._written
        self._deadline = self._loop.call_later(WRITE_DEADLINE_S, self._check, written)

    def _check(self, written: int) -> None:
        if self._written == written:
            self._on_stuck()
            return
        self._watch()

    def _begin_pause(self) -> None:
        if self._flow.is_exhausted:
            self._on_stuck()
            return
        self._pause = self._loop.call_later(PAUSE_MAX_S, self._on_stuck)
        self._on_pause()

    async def _wait_for_room(self) -> None:
        if self._room is None:
            self._room = self._loop.create_future()
        await asyncio.shield(self._room)

    def _has_room(self) -> bool:
        return self._held_bytes <= HELD_BYTES_MAX // 2 and self._frames <= FRAMES_MAX // 2

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None


def _utf8_bytes(frame: str) -> int:
    # Python knows of each text whether it is ASCII; most frames are, and are not encoded twice.
    return len(frame) if frame.isascii() else len(frame.encode())
