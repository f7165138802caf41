"""The end of a queue, whatever its processor does meanwhile (SPEC §2)."""

import asyncio

import pytest

from chat.connection import message_queue
from chat.connection.message_queue import MessagePriority, QueuedMessage, QueueState
from chat.connection.state_machine import ConnectionState
from tests.chat.test_message_queue import assert_balanced, new_queue
from tests.chat.test_message_queue_connection import HANG_S, SETUP_PATH, Connection
from tests.fakes.clock import Clock
from tests.fakes.processor import Processor

P = MessagePriority
S = ConnectionState


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_queue, "CLOSE_GRACE_S", 0.02)


@pytest.mark.asyncio
async def test_close_with_500_queued_and_a_flush_running_ends_and_clears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not because its patience ended, but because the delivery under way did.
    monkeypatch.setattr(message_queue, "CLOSE_GRACE_S", 2 * HANG_S)
    connection = Connection()
    await connection.send(*map(str, range(500)))
    connection.processor.gate.clear()
    connection.move(*SETUP_PATH)
    await asyncio.sleep(0.005)
    opener = asyncio.get_running_loop().call_later(0.05, connection.processor.gate.set)

    async with asyncio.timeout(HANG_S):
        await connection.queue.close()
    opener.cancel()

    metrics = connection.queue.metrics
    assert connection.queue.state is QueueState.CLOSED
    assert (metrics.delivered, metrics.cleared, metrics.queued) == (1, 499, 0)
    assert_balanced(metrics)


@pytest.mark.asyncio
@pytest.mark.parametrize("flaps", [False, True])
async def test_close_gives_a_processor_that_hangs_up_and_cancels_its_own_flush(
    flaps: bool,
) -> None:
    connection = Connection()
    await connection.send("stuck", "waiting")
    connection.processor.gate.clear()
    connection.move(*SETUP_PATH)
    if flaps:
        # Before the first flush has begun: then there are two.
        connection.move(S.DEGRADED, S.RECONNECTING, S.PROCESSING_READY)
    await asyncio.sleep(0.005)
    tasks = asyncio.all_tasks()

    async with asyncio.timeout(HANG_S):
        await asyncio.gather(connection.queue.close(), connection.queue.close())
    await asyncio.sleep(0.005)

    metrics = connection.queue.metrics
    assert (metrics.cleared, metrics.queued, metrics.delivered) == (2, 0, 0)
    assert [task for task in tasks if not task.done()] == [asyncio.current_task()]
    connection.processor.gate.set()
    assert_balanced(metrics)


@pytest.mark.asyncio
@pytest.mark.parametrize("by_flush", [False, True])
async def test_who_waited_for_a_processor_that_hangs_is_let_go_by_close(
    by_flush: bool, short_grace: None
) -> None:
    queue, processor = new_queue(), Processor()
    queue.set_processor(processor)
    await queue.flush()
    processor.gate.clear()
    # Without a machine: a flush of its own would come first.
    queue.enqueue_nowait("stuck", priority=P.HIGH)
    last = queue.enqueue("last", priority=P.HIGH)
    waiting: asyncio.Task[object] = asyncio.create_task(queue.flush() if by_flush else last)
    await asyncio.sleep(0.005)
    if by_flush:
        await last
    await queue.close()

    async with asyncio.timeout(HANG_S):
        assert await waiting
    assert waiting.cancelling() == 0
    assert (processor.delivered, queue.metrics.cleared) == ([], 2)
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_message_cut_short_is_counted_once_whatever_becomes_of_it(
    short_grace: None,
) -> None:
    connection, seen = Connection(), list[str]()

    async def finish_anyway(message: QueuedMessage[str]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(message.payload)

    connection.queue.set_processor(finish_anyway)
    connection.move(*SETUP_PATH)
    sender = asyncio.create_task(connection.send("stuck"))
    await asyncio.sleep(0.005)
    await connection.queue.close()
    await sender

    metrics = connection.queue.metrics
    assert (seen, sender.cancelling()) == (["stuck"], 0)
    assert (metrics.accepted, metrics.cleared, metrics.delivered) == (1, 1, 0)


@pytest.mark.asyncio
async def test_a_sender_cancelled_by_another_stays_cancelled_when_close_cuts_it_short(
    short_grace: None,
) -> None:
    connection = Connection()

    async def linger(message: QueuedMessage[str]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    connection.queue.set_processor(linger)
    connection.move(*SETUP_PATH)
    sender = asyncio.create_task(connection.send("stuck"))
    await asyncio.sleep(0.005)
    sender.cancel()
    await asyncio.sleep(0.005)
    await connection.queue.close()

    with pytest.raises(asyncio.CancelledError):
        await sender


@pytest.mark.asyncio
async def test_what_expired_behind_a_processor_that_hangs_does_not_save_it_from_close(
    short_grace: None,
) -> None:
    clock, told = Clock(), list[str]()
    connection = Connection(clock=clock, on_expired=lambda message, _: told.append(message.payload))
    await connection.send("stuck", "old")
    connection.processor.gate.clear()
    connection.move(*SETUP_PATH)
    await asyncio.sleep(0.005)
    clock.advance(301)
    connection.move(S.CLOSED)
    tasks = asyncio.all_tasks()
    await connection.queue.close()
    await asyncio.sleep(0.005)

    assert told == ["old"]
    assert [task for task in tasks if not task.done()] == [asyncio.current_task()]


@pytest.mark.asyncio
async def test_close_lets_a_failing_message_go_without_another_attempt() -> None:
    connection = Connection()
    connection.move(*SETUP_PATH)
    connection.processor.failures = {"a": 9}
    connection.processor.gate.clear()
    sender = asyncio.create_task(connection.send("a"))
    await asyncio.sleep(0.005)
    closer = asyncio.create_task(connection.queue.close())
    await asyncio.sleep(0.005)
    connection.processor.gate.set()
    await asyncio.gather(sender, closer)

    assert connection.processor.attempts == [("a", 1)]
    assert connection.queue.metrics.cleared == 1
    assert_balanced(connection.queue.metrics)


@pytest.mark.asyncio
async def test_a_processor_may_close_its_own_queue() -> None:
    connection = Connection()

    async def close(message: QueuedMessage[str]) -> None:
        await connection.queue.close()

    connection.queue.set_processor(close)
    await connection.send("a", "b")
    connection.move(*SETUP_PATH)
    async with asyncio.timeout(10):
        while connection.queue.metrics.delivered == 0:
            await asyncio.sleep(0.001)

    assert (connection.queue.metrics.cleared, len(connection.queue)) == (1, 0)


@pytest.mark.asyncio
async def test_close_removes_the_observer_and_may_be_repeated() -> None:
    connection = Connection()
    await connection.queue.close()
    await connection.queue.close()
    connection.move(*SETUP_PATH)

    assert connection.queue.state is QueueState.CLOSED
    assert connection.machine.remove_observer(connection.queue._on_transition) is False
