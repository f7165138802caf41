"""What a client has sent and not been answered yet, taken up one after the other."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from channels.exceptions import StopConsumer

from chat.connection.message_queue import MessagePriority, MessageQueue, QueuedMessage
from chat.connection.outcomes import OutcomeCallback
from chat.connection.state_machine import ConnectionStateMachine
from chat.protocol.frames import AnyClientFrame, Approve, Edit, Regenerate, Send, Typing
from netra import traces
from netra.ids import ConnectionID

# Frames kept until set-up is done, or until those before them are answered; beyond that the
# socket is read no further.
FRAMES_MAX: Final = 100

Frame = QueuedMessage[AnyClientFrame]
Message = dict[str, Any]

# What begins a run or lets one go on: the spans of these are where a trace begins.
_TRACED: Final[dict[type[AnyClientFrame], str]] = {
    Send: "send",
    Edit: "edit",
    Regenerate: "regenerate",
    Approve: "approve",
}


async def take_each(
    receive: Callable[[], Awaitable[Message]], take: Callable[[Message], Awaitable[None]]
) -> None:
    """Hand on what the server tells of a socket, one after the other, until StopConsumer.

    Channels' own loop is a task more for each socket, and one more for each frame.
    """
    with contextlib.suppress(StopConsumer):
        while True:
            await take(await receive())
            # Frames may come by thousands in one read: the other sockets have turns in between.
            await asyncio.sleep(0)


class Inbound:
    """The queue of one connection's frames; it flushes by itself when the machine is ready."""

    __slots__ = ("_answer", "_answering", "_closed", "_machine", "_queue", "_room")

    def __init__(
        self,
        connection_id: ConnectionID,
        machine: ConnectionStateMachine,
        *,
        answer: Callable[[AnyClientFrame], Awaitable[None]],
        on_dead_letter: OutcomeCallback[AnyClientFrame],
        on_expired: OutcomeCallback[AnyClientFrame],
    ) -> None:
        self._queue: MessageQueue[AnyClientFrame] = MessageQueue(
            connection_id=connection_id,
            user_id=None,
            machine=machine,
            on_dead_letter=on_dead_letter,
            on_expired=on_expired,
        )
        self._queue.set_processor(self._process)
        self._machine = machine
        self._answer = answer
        self._answering: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    async def take(self, frame: AnyClientFrame) -> None:
        """Keep a frame for its turn, once there is room for it."""
        while len(self._queue) >= FRAMES_MAX and not self._closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)
        is_low = isinstance(frame, Typing)
        priority = MessagePriority.LOW if is_low else MessagePriority.HIGH
        self._queue.enqueue_nowait(frame, priority=priority)
        # Until set-up is done the queue keeps it, and flushes by itself then.
        if self._machine.is_operational and self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())

    async def finish(self, *, within_s: float) -> None:
        """Take no more, and let what is here be answered; a frame that closes waits for none."""
        self._closed = True
        self._make_room()
        answering = self._answering
        if answering is not None and answering is not asyncio.current_task():
            await asyncio.wait({answering}, timeout=within_s)

    async def close(self) -> None:
        self._closed = True
        self._make_room()
        if self._answering is not None:
            self._answering.cancel()
        await self._queue.close()

    async def _process(self, message: Frame) -> None:
        frame = message.payload
        name = _TRACED.get(type(frame))
        try:
            with traces.span(name) if name else contextlib.nullcontext():
                await self._answer(frame)
        finally:
            if len(self._queue) < FRAMES_MAX:
                self._make_room()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    async def _answer_all(self) -> None:
        try:
            await self._queue.flush()
        finally:
            self._answering = None
