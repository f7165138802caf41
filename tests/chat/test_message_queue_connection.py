"""A queue that follows its connection (SPEC §2)."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from chat.connection.message_queue import (
    MessagePriority,
    MessageQueue,
    QueuedMessage,
    QueueState,
    RefusalReason,
)
from chat.connection.state_machine import (
    OPERATIONAL,
    ConnectionState,
    ConnectionStateMachine,
)
from netra.ids import ConnectionID
from tests.chat.test_message_queue import assert_balanced
from tests.fakes.clock import Clock
from tests.fakes.processor import Processor

P = MessagePriority
S = ConnectionState
SETUP_PATH = (S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY, S.PROCESSING_READY)
HANG_S = 30.0


class Connection:
    """A machine, its queue and what the queue delivered."""

    def __init__(self, **options: Any) -> None:
        self.machine = ConnectionStateMachine(ConnectionID.new())
        self.processor = Processor()
        self.queue: MessageQueue[str] = MessageQueue(
            connection_id=self.machine.connection_id,
            user_id=None,
            machine=self.machine,
            **options,
        )
        self.queue.set_processor(self.processor)

    def move(self, *states: ConnectionState) -> None:
        for state in states:
            assert self.machine.transition_to(state)

    async def send(self, *payloads: str) -> None:
        for payload in payloads:
            assert await self.queue.enqueue(payload, priority=P.HIGH)

    async def delivered(self, *payloads: str) -> None:
        async with asyncio.timeout(HANG_S):
            while len(self.processor.delivered) < len(payloads):
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.005)
        assert self.processor.delivered == list(payloads)


@pytest.mark.asyncio
@pytest.mark.parametrize("steps", range(4))
async def test_a_connection_in_setup_buffers_even_when_flushed(steps: int) -> None:
    connection = Connection()
    connection.move(*SETUP_PATH[:steps])
    await connection.send("early")

    assert await connection.queue.flush() is True
    await asyncio.sleep(0.005)

    assert connection.queue.state is QueueState.BUFFERING
    assert (connection.processor.delivered, len(connection.queue)) == ([], 1)


@pytest.mark.asyncio
async def test_becoming_ready_flushes_by_itself_and_passes_through() -> None:
    connection = Connection()
    connection.move(S.ACCEPTED)
    await connection.send("a", "b")
    connection.move(*SETUP_PATH[1:])
    await connection.send("c")

    await connection.delivered("a", "b", "c")
    assert connection.queue.state is QueueState.PASS_THROUGH
    await connection.send("d")
    assert connection.processor.delivered[-1] == "d"


@pytest.mark.asyncio
async def test_an_empty_queue_passes_through_at_once() -> None:
    connection = Connection()
    connection.move(*SETUP_PATH)

    assert connection.queue.state is QueueState.PASS_THROUGH


@pytest.mark.asyncio
async def test_a_flush_by_hand_may_come_before_the_automatic_one() -> None:
    connection = Connection()
    await connection.send("a", "b")
    connection.move(*SETUP_PATH)

    assert await connection.queue.flush() is True

    await connection.delivered("a", "b")
    assert connection.queue.metrics.flushes == 1


@pytest.mark.asyncio
async def test_degraded_during_setup_is_operational_too() -> None:
    connection = Connection()
    connection.move(S.ACCEPTED, S.AUTHENTICATED)
    await connection.send("a")
    connection.move(S.DEGRADED)

    await connection.delivered("a")


@pytest.mark.asyncio
async def test_moves_among_operational_states_change_nothing() -> None:
    connection = Connection()
    connection.move(*SETUP_PATH)
    for state in (S.PROCESSING, S.PROCESSING_READY, S.IDLE, S.DEGRADED, S.PROCESSING):
        connection.move(state)
        assert connection.machine.state in OPERATIONAL
        assert connection.queue.state is QueueState.PASS_THROUGH

    assert connection.queue.metrics.flushes == 0


@pytest.mark.asyncio
async def test_reconnecting_buffers_and_coming_back_delivers_all_in_order() -> None:
    connection = Connection()
    connection.move(*SETUP_PATH)
    await connection.send("a")
    connection.move(S.DEGRADED, S.RECONNECTING)
    await connection.send("b", "c")
    assert connection.queue.state is QueueState.BUFFERING
    assert connection.processor.delivered == ["a"]

    connection.move(S.SERVICES_READY)
    assert connection.queue.state is QueueState.BUFFERING
    connection.move(S.PROCESSING_READY)

    await connection.delivered("a", "b", "c")
    assert_balanced(connection.queue.metrics)


@pytest.mark.asyncio
@pytest.mark.parametrize("fails", [False, True])
async def test_a_connection_lost_during_a_flush_loses_no_message(fails: bool) -> None:
    connection = Connection(max_attempts=1)
    await connection.send("a", "b", "c")
    connection.processor.failures = {"a": int(fails)}
    connection.processor.gate.clear()
    connection.move(*SETUP_PATH)
    await asyncio.sleep(0.005)
    connection.move(S.DEGRADED, S.RECONNECTING)
    connection.processor.gate.set()
    await asyncio.sleep(0.005)

    # What failed because the connection went away waits for it, and is no dead letter.
    assert connection.processor.delivered == ([] if fails else ["a"])
    assert len(connection.queue) == (3 if fails else 2)
    connection.move(S.PROCESSING_READY)
    await connection.delivered("a", "b", "c")
    assert connection.queue.metrics.dead_lettered == 0


@pytest.mark.asyncio
async def test_a_connection_back_before_the_attempt_ended_goes_on() -> None:
    connection = Connection()
    await connection.send("a", "b")
    connection.processor.gate.clear()
    connection.move(*SETUP_PATH)
    await asyncio.sleep(0.005)
    connection.move(S.DEGRADED, S.RECONNECTING, S.PROCESSING_READY)
    await connection.send("c")
    connection.processor.gate.set()

    await connection.delivered("a", "b", "c")


@pytest.mark.asyncio
@pytest.mark.parametrize("end", [S.CLOSED, S.FAILED])
async def test_the_end_of_the_connection_closes_the_queue(end: ConnectionState) -> None:
    connection = Connection()
    connection.move(S.ACCEPTED)
    await connection.send("a", "b")
    connection.move(end)

    answer = await connection.queue.enqueue("late", priority=P.CRITICAL)

    assert connection.queue.state is QueueState.CLOSED
    assert (bool(answer), answer.reason) == (False, RefusalReason.CLOSED)
    metrics = connection.queue.metrics
    assert (metrics.cleared, metrics.queued, metrics.refused) == (2, 0, 1)
    assert await connection.queue.flush() is True
    assert connection.processor.delivered == []


@pytest.mark.asyncio
async def test_the_end_of_the_connection_tells_of_what_had_expired() -> None:
    clock, told = Clock(), list[str]()
    connection = Connection(clock=clock, on_expired=lambda message, _: told.append(message.payload))
    await connection.send("old")
    clock.advance(301)
    connection.move(S.CLOSED)
    await asyncio.sleep(0.005)

    assert told == ["old"]
    assert connection.queue.metrics.cleared == 0


@pytest.mark.asyncio
async def test_a_flush_of_its_own_is_held_while_a_sender_is_told() -> None:
    clock, held = Clock(), list[weakref.ref[asyncio.Future[None]]]()

    async def tell(message: QueuedMessage[str], error: BaseException | None) -> None:
        told = asyncio.get_running_loop().create_future()
        held.append(weakref.ref(told))
        await told

    connection = Connection(clock=clock, on_expired=tell)
    await connection.send("old")
    clock.advance(301)
    connection.move(*SETUP_PATH)
    await asyncio.sleep(0.005)
    gc.collect()

    # The task and what it waits for know only each other: asyncio itself holds neither.
    told = held[0]()
    assert told is not None
    told.set_result(None)
    await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_closing_still_delivers_what_is_there() -> None:
    connection = Connection()
    connection.move(*SETUP_PATH, S.CLOSING)

    await connection.send("last words")

    assert connection.processor.delivered == ["last words"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "state"),
    [
        (SETUP_PATH[:2], QueueState.BUFFERING),
        (SETUP_PATH, QueueState.PASS_THROUGH),
        ((*SETUP_PATH, S.DEGRADED, S.RECONNECTING), QueueState.BUFFERING),
        ((S.FAILED,), QueueState.CLOSED),
    ],
)
async def test_a_queue_made_late_finds_its_connection_as_it_is(
    path: tuple[ConnectionState, ...], state: QueueState
) -> None:
    machine = ConnectionStateMachine(ConnectionID.new())
    for step in path:
        assert machine.transition_to(step)

    queue: MessageQueue[str] = MessageQueue(
        connection_id=machine.connection_id, user_id=None, machine=machine
    )

    assert queue.state is state


@pytest.mark.asyncio
async def test_another_thread_may_move_the_machine() -> None:
    connection, threads = Connection(), set[int]()

    def process(message: QueuedMessage[str]) -> None:
        threads.add(threading.get_ident())
        connection.processor.now(message)

    connection.queue.set_processor(process)
    await connection.send("a", "b")
    elsewhere(connection.move, *SETUP_PATH)
    # Who looks at the queue from there does not follow in place of the loop.
    elsewhere(connection.queue.__len__)
    await connection.delivered("a", "b")
    await asyncio.to_thread(connection.move, S.CLOSED)
    await asyncio.sleep(0.005)

    assert threads == {threading.get_ident()}
    assert connection.queue.state is QueueState.CLOSED


def elsewhere(function: Callable[..., object], *args: object) -> None:
    """Call in another thread, without a turn of the loop meanwhile."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join(HANG_S)


@pytest.mark.asyncio
@pytest.mark.parametrize("back", [[], [S.SERVICES_READY]])
async def test_a_move_of_another_thread_holds_from_the_next_call_on(
    back: list[ConnectionState],
) -> None:
    connection, flushed = Connection(), Connection()
    for each in (connection, flushed):
        each.move(*SETUP_PATH)
        each.queue.enqueue_nowait("kept", priority=P.HIGH)
        elsewhere(each.move, S.DEGRADED, S.RECONNECTING, *back)

    await connection.send("a")
    assert await flushed.queue.flush() is True

    assert connection.processor.delivered == flushed.processor.delivered == []
    assert connection.queue.state is QueueState.BUFFERING
    elsewhere(connection.move, S.PROCESSING_READY)
    await connection.send("b")
    await connection.delivered("kept", "a", "b")


@pytest.mark.asyncio
async def test_news_of_a_move_may_come_after_that_of_the_next() -> None:
    connection = Connection()
    connection.move(*SETUP_PATH)
    elsewhere(connection.move, S.DEGRADED, S.RECONNECTING)
    connection.move(S.PROCESSING_READY)
    await asyncio.sleep(0.005)

    assert connection.queue.state is QueueState.PASS_THROUGH
    await connection.send("a")
    assert connection.processor.delivered == ["a"]


@pytest.mark.asyncio
async def test_late_news_of_a_connection_lost_does_not_stop_the_flush_of_one_that_is_back() -> None:
    connection = Connection()
    await connection.send("a", "b")
    connection.processor.gate.clear()
    connection.move(*SETUP_PATH)
    await asyncio.sleep(0.005)
    elsewhere(connection.move, S.DEGRADED, S.RECONNECTING)
    connection.move(S.PROCESSING_READY)
    await asyncio.sleep(0.005)
    connection.processor.gate.set()

    await connection.delivered("a", "b")


@pytest.mark.asyncio
async def test_an_end_made_by_another_thread_is_one_for_good() -> None:
    connection, retried = Connection(), Connection()
    for each in (connection, retried):
        each.move(S.ACCEPTED)
        await each.send("a")
        elsewhere(each.machine.force_fail, "by an operator")
    retried.move(S.CONNECTING)

    answer = await connection.queue.enqueue("late", priority=P.CRITICAL)
    assert (answer.reason, len(connection.queue)) == (RefusalReason.CLOSED, 0)
    await asyncio.sleep(0.005)
    assert retried.queue.state is QueueState.CLOSED
    assert retried.queue.metrics.cleared == 1


def test_a_queue_whose_loop_has_ended_ends_with_its_connection() -> None:
    async def make() -> Connection:
        connection = Connection()
        await connection.send("a")
        return connection

    connection = asyncio.run(make())
    connection.move(S.CLOSED)

    assert connection.queue.state is QueueState.CLOSED
    assert connection.queue.metrics.cleared == 1


def test_a_queue_made_without_a_loop_follows_its_machine_too() -> None:
    connection = Connection()
    assert connection.queue.enqueue_nowait("a", priority=P.NORMAL)
    connection.move(*SETUP_PATH)
    assert connection.queue.state is QueueState.PASS_THROUGH

    async def send() -> None:
        await connection.send("b")

    asyncio.run(send())
    assert connection.processor.delivered == ["b", "a"]
