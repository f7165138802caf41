"""Messages of one connection, kept until they may be processed and never lost unseen (SPEC §2)."""

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import Final, Generic, TypeVar

from chat.connection.backlog import Backlog
from chat.connection.hand import Hand, Processor
from chat.connection.outcomes import OutcomeCallback, Outcomes
from chat.connection.queue_metrics import QueueCounts, QueueMetrics
from chat.connection.queued_message import (
    KEPT,
    REFUSED_CLOSED,
    REFUSED_OVERFLOW,
    Enqueued,
    MessagePriority,
    QueuedMessage,
    RefusalReason,
)
from chat.connection.state_machine import (
    CLOSING,
    OPERATIONAL,
    TERMINAL,
    ConnectionState,
    ConnectionStateMachine,
    Transition,
)
from netra.ids import ConnectionID, UserID

__all__ = [
    "Enqueued",
    "MessagePriority",
    "MessageQueue",
    "QueueMetrics",
    "QueueState",
    "QueuedMessage",
    "RefusalReason",
]

# How long close() lets the message in the processor's hands finish (SPEC: closed in under 1 s).
CLOSE_GRACE_S: Final = 0.5
# Deliveries between two turns of the loop, and by one sender: nobody starves the others.
DELIVERIES_A_TURN: Final = 100


class QueueState(StrEnum):
    """What happens to a message that arrives."""

    BUFFERING = "buffering"  # kept
    FLUSHING = "flushing"  # kept, behind the backlog that is being delivered
    PASS_THROUGH = "pass_through"  # delivered when nothing is ahead  # noqa: S105
    CLOSED = "closed"  # refused


P = TypeVar("P")

# Flushes that begin by themselves: asyncio alone would let go of a task that nobody holds.
_FLUSHES: Final[set[asyncio.Task[bool]]] = set()


class MessageQueue(Generic[P]):
    """One connection's queue; asyncio only, though its machine may be moved by any thread.

    Every accepted message ends in exactly one count: delivered, expired, evicted,
    dead_lettered or cleared. The processor and the callbacks may be sync or async, run with
    nothing locked, and may enqueue. A delivery that is cancelled puts its message back, and the
    queue goes on without a sender that was cancelled.
    """

    __slots__ = (
        "_backlog",
        "_clock",
        "_counts",
        "_draining",
        "_hand",
        "_loop",
        "_machine",
        "_max_attempts",
        "_outcomes",
        "_state",
        "_teller",
        "connection_id",
        "user_id",
    )

    def __init__(
        self,
        *,
        connection_id: ConnectionID,
        user_id: UserID | None,
        max_size: int = 1000,
        max_age_s: float = 300.0,
        max_attempts: int = 3,
        machine: ConnectionStateMachine | None = None,
        on_dead_letter: OutcomeCallback[P] | None = None,
        on_expired: OutcomeCallback[P] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # So written, what is not a number is no age either.
        if max_size < 1 or not max_age_s > 0 or max_attempts < 1:
            raise ValueError("max_size, max_age_s and max_attempts must be positive")
        self.connection_id = ConnectionID(connection_id)
        self.user_id = None if user_id is None else UserID(user_id)
        self._max_attempts = max_attempts
        self._machine = machine
        self._clock = clock
        self._state = QueueState.BUFFERING
        self._counts = QueueCounts()
        self._outcomes = Outcomes(on_dead_letter=on_dead_letter, on_expired=on_expired)
        self._backlog: Backlog[P] = Backlog(
            max_size=max_size,
            max_age_s=max_age_s,
            counts=self._counts,
            outcomes=self._outcomes,
        )
        self._hand: Hand[P] = Hand()
        self._draining = False
        self._loop = _running_loop()
        self._teller: asyncio.Task[None] | None = None
        if machine is not None:
            # Observing comes first: a move between the two lines is then seen twice, not never.
            machine.add_observer(self._on_transition)
            self._follow(machine.state)

    def __len__(self) -> int:
        self._catch_up()
        self._expire()
        return self._counts.queued

    @property
    def state(self) -> QueueState:
        self._catch_up()
        return self._state

    @property
    def metrics(self) -> QueueMetrics:
        self._catch_up()
        self._expire()
        return self._counts.metrics()

    def set_processor(self, processor: Processor[P]) -> None:
        """Deliver to `processor` from now on, what pass-through has kept for it included."""
        self._hand.processor = processor
        self._resume()

    def enqueue_nowait(
        self, payload: P, *, priority: MessagePriority, message_id: str | None = None
    ) -> Enqueued:
        """Keep the message for the next flush, or refuse it; never deliver it here."""
        if self._machine is not None:
            self._catch_up()
        counts = self._counts
        if self._state is QueueState.CLOSED:
            counts.refused += 1
            return REFUSED_CLOSED
        if type(priority) is not MessagePriority:
            priority = MessagePriority(priority)
        now = self._clock()
        if not self._backlog.has_room(priority, now, self._hand.message):
            counts.refused += 1
            return REFUSED_OVERFLOW
        counts.accepted += 1
        counts.queued += 1
        if counts.queued > counts.peak_size:
            counts.peak_size = counts.queued
        if message_id is None:
            message_id = f"q-{counts.accepted}"
        self._backlog.add(QueuedMessage(payload, priority, message_id, now))
        return KEPT

    async def enqueue(
        self, payload: P, *, priority: MessagePriority, message_id: str | None = None
    ) -> Enqueued:
        """Keep the message, or deliver it when passing through with nothing ahead, or refuse it."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        enqueued = self.enqueue_nowait(payload, priority=priority, message_id=message_id)
        if self._state is QueueState.PASS_THROUGH and not self._draining:
            try:
                await self._drain(at_most=DELIVERIES_A_TURN)
            except asyncio.CancelledError:
                # This sender has gone; what it and others have sent must not wait for the next.
                self._loop.call_soon(self._resume)
                raise
            # One sender does not deliver for all others without end.
            self._resume()
        if self._outcomes.has_untold:
            await self._outcomes.tell_expired()
        return enqueued

    async def flush(self) -> bool:
        """Deliver all that is kept, most urgent first, and pass through from then on.

        False when a message became a dead letter, and at once when a delivery is under way: that
        one takes everything along. Before its machine is operational the queue keeps what it has.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if self._draining:
            return False
        self._catch_up()
        may_open = self._machine is None or self._machine.is_operational
        if self._state is QueueState.BUFFERING and may_open:
            self._state = QueueState.FLUSHING
        clean = True
        if self._is_delivering():
            self._counts.flushes += 1
            clean = await self._drain()
        if self._outcomes.has_untold:
            await self._outcomes.tell_expired()
        return clean

    async def clear(self) -> int:
        """Drop what waits, the message in the processor's hands excepted; returns how many."""
        cleared = self._backlog.clear(self._clock())
        await self._outcomes.tell_expired()
        return cleared

    async def close(self) -> None:
        """Refuse and drop everything from now on, and let the delivery under way end.

        After CLOSE_GRACE_S it is cut short and counts as cleared too, whatever becomes of it; a
        flush or a sender that waited for it returns.
        """
        self._shut()
        message = self._hand.message
        # A processor that closes its own queue cannot be waited for.
        if message is not None and asyncio.current_task() is not self._hand.task:
            await self._hand.emptied(within_s=CLOSE_GRACE_S)
            if self._let_go(message):
                self._counts.cleared += 1
                self._hand.cut()
        await self._outcomes.tell_expired()

    def _on_transition(self, transition: Transition) -> None:
        if transition.from_state in OPERATIONAL and transition.to_state in OPERATIONAL:
            return
        loop = self._loop
        if loop is None or loop.is_closed() or loop is _running_loop():
            self._follow(transition.to_state)
        else:
            loop.call_soon_threadsafe(self._follow, transition.to_state)

    def _catch_up(self) -> None:
        """Follow a move of another thread whose news is still on its way to this loop."""
        if self._machine is not None and _running_loop() is self._loop:
            self._follow(self._machine.state)

    def _follow(self, told: ConnectionState) -> None:
        if self._machine is None or self._state is QueueState.CLOSED:
            return
        # News of two threads may overtake each other: the machine knows where it stands. Only
        # an end is one for good, whatever came after it.
        state = told if told in TERMINAL else self._machine.state
        if state in TERMINAL:
            self._shut()
            self._tell_soon()
        elif state in OPERATIONAL:
            if self._state is QueueState.BUFFERING:
                self._state = QueueState.PASS_THROUGH
                self._resume()
        elif state is not CLOSING:
            self._state = QueueState.BUFFERING

    def _resume(self) -> None:
        """Flush what is kept, if anything, before passing through."""
        if self._counts.queued == 0 or self._draining or self._state is not QueueState.PASS_THROUGH:
            return
        loop = _running_loop()
        # Without a running loop the backlog waits for the next enqueue or flush, which has one.
        if self._hand.processor is not None and loop is not None:
            self._state = QueueState.FLUSHING
            flush = loop.create_task(self.flush())
            _FLUSHES.add(flush)
            flush.add_done_callback(_FLUSHES.discard)

    def _expire(self) -> None:
        self._backlog.expire(self._clock())
        self._tell_soon()

    def _tell_soon(self) -> None:
        """Tell of expired messages where nobody awaits the telling."""
        loop = _running_loop()
        is_telling = self._teller is not None and not self._teller.done()
        if self._outcomes.has_untold and loop is not None and not is_telling:
            self._teller = loop.create_task(self._outcomes.tell_expired())

    def _shut(self) -> None:
        if self._state is QueueState.CLOSED:
            return
        self._state = QueueState.CLOSED
        if self._machine is not None:
            self._machine.remove_observer(self._on_transition)
        self._backlog.clear(self._clock())

    def _is_delivering(self) -> bool:
        return self._state is QueueState.PASS_THROUGH or self._state is QueueState.FLUSHING

    async def _drain(self, *, at_most: float = inf) -> bool:
        """Deliver until nothing waits or delivering stops; False when a dead letter was made."""
        self._draining = True
        self._hand.task = asyncio.current_task()
        clean, deliveries = True, 0
        try:
            if self._state is QueueState.FLUSHING:
                self._backlog.hold_newcomers()
                # Concurrent flushes find this one under way, even where no processor awaits.
                await asyncio.sleep(0)
            while self._is_delivering() and deliveries < at_most:
                if (message := self._take()) is None:
                    break
                clean = await self._deliver(message) and clean
                if self._outcomes.has_untold:
                    await self._outcomes.tell_expired()
                deliveries += 1
                if deliveries % DELIVERIES_A_TURN == 0:
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            if not self._hand.uncut():
                raise
        else:
            # A processor may have kept the cancellation to itself.
            self._hand.uncut()
        finally:
            self._draining, self._hand.task = False, None
            if not self._counts.queued:
                self._backlog.drop_lanes()
            if self._state is QueueState.FLUSHING:
                self._state = QueueState.PASS_THROUGH
        return clean

    def _take(self) -> QueuedMessage[P] | None:
        """The next message, from now on in the processor's hands."""
        if self._hand.processor is None:
            return None
        now = self._clock()
        message = self._backlog.take(now)
        if message is not None:
            self._hand.message = message
            if message.first_attempt_at is None:
                message.first_attempt_at = now
                self._counts.times.add(now - message.enqueued_at)
        return message

    async def _deliver(self, message: QueuedMessage[P]) -> bool:
        """Attempt until it is processed or given up; False when it became a dead letter."""
        try:
            while not await self._hand.attempt(message, self.connection_id):
                if not self._is_delivering():
                    self._put_back(message)
                    return True
                if message.attempts >= self._max_attempts:
                    await self._bury(message)
                    return False
                if self._backlog.is_too_old(message, self._clock()):
                    self._let_expire(message)
                    return True
        except BaseException:
            # Cancelled in the middle: whoever delivers next takes it up again.
            self._put_back(message)
            raise
        if self._let_go(message):
            self._counts.delivered += 1
        return True

    def _let_go(self, message: QueuedMessage[P]) -> bool:
        """Take a message out of the processor's hands; False when close() has given it up."""
        is_held = self._hand.let_go(message)
        self._counts.queued -= is_held
        return is_held

    def _put_back(self, message: QueuedMessage[P]) -> None:
        """Undo an attempt that the connection's end, not the message, has spoilt."""
        if self._state is QueueState.CLOSED:
            if self._let_go(message):
                self._counts.cleared += 1
        elif self._hand.let_go(message):
            message.attempts -= 1
            self._backlog.put_back(message)

    async def _bury(self, message: QueuedMessage[P]) -> None:
        # Counted when its callback has stored it: until then a cancellation puts it back.
        await self._outcomes.tell_dead_letter(message)
        if self._let_go(message):
            self._counts.dead_lettered += 1

    def _let_expire(self, message: QueuedMessage[P]) -> None:
        if self._let_go(message):
            self._counts.expired += 1
            self._outcomes.note_expired(message)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
