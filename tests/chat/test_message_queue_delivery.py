"""Attempts, dead letters, flushes and processors of every kind (SPEC §2)."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from chat.connection.message_queue import (
    MessagePriority,
    MessageQueue,
    QueuedMessage,
    QueueState,
)
from netra.ids import ConnectionID, UserID
from tests.chat.test_message_queue import assert_balanced
from tests.fakes.clock import Clock
from tests.fakes.processor import Processor

P = MessagePriority
HANG_S = 30.0


async def filled_queue(*payloads: str, **options: Any) -> MessageQueue[str]:
    queue: MessageQueue[str] = MessageQueue(
        connection_id=ConnectionID.new(), user_id=UserID.new(), **options
    )
    for payload in payloads:
        assert await queue.enqueue(payload, priority=P.NORMAL)
    return queue


@pytest.mark.asyncio
async def test_a_failed_message_is_tried_again_before_the_next() -> None:
    queue, processor = await filled_queue("a", "b"), Processor({"a": 2})
    queue.set_processor(processor)

    assert await queue.flush() is True

    assert processor.attempts == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert processor.delivered == ["a", "b"]
    assert queue.metrics.delivered == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("is_async", [False, True])
async def test_after_max_attempts_it_is_a_dead_letter_and_the_next_goes_on(is_async: bool) -> None:
    dead: list[tuple[str, int, str]] = []

    def bury(message: QueuedMessage[str], error: BaseException | None) -> None:
        dead.append((message.payload, message.attempts, repr(error)))

    async def bury_later(message: QueuedMessage[str], error: BaseException | None) -> None:
        await asyncio.sleep(0.001)
        bury(message, error)

    queue = await filled_queue(
        "a", "b", max_attempts=2, on_dead_letter=bury_later if is_async else bury
    )
    processor = Processor({"a": 9})
    queue.set_processor(processor)

    assert await queue.flush() is False
    assert dead == [("a", 2, "OSError('a')")]
    assert processor.delivered == ["b"]
    assert queue.metrics.dead_lettered == 1
    assert await queue.flush() is True
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_dead_letter_in_pass_through_was_still_accepted() -> None:
    queue = await filled_queue(max_attempts=1)
    queue.set_processor(Processor({"bad": 1}))
    await queue.flush()

    assert await queue.enqueue("bad", priority=P.HIGH)
    assert queue.metrics.dead_lettered == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["sync", "async", "future"])
async def test_the_processor_may_be_sync_or_async(kind: str) -> None:
    queue, processor = await filled_queue("a", "b", "c"), Processor({"b": 1})
    kinds: dict[str, Callable[[QueuedMessage[str]], object]] = {
        "sync": processor.now,
        "async": processor,
        "future": lambda message: asyncio.ensure_future(processor(message)),
    }
    queue.set_processor(kinds[kind])

    assert await queue.flush() is True
    assert await queue.enqueue("d", priority=P.NORMAL)

    assert processor.delivered == ["a", "b", "c", "d"]


@pytest.mark.asyncio
@pytest.mark.parametrize("opened", [False, True])
async def test_a_processor_may_enqueue_flush_and_clear_without_deadlock(opened: bool) -> None:
    queue, delivered = await filled_queue(), list[str]()

    async def echo(message: QueuedMessage[str]) -> None:
        delivered.append(message.payload)
        if len(message.payload) < 3:
            assert await queue.enqueue(message.payload + "!", priority=P.NORMAL)
            assert await queue.flush() is False

    queue.set_processor(echo)
    async with asyncio.timeout(HANG_S):
        if opened:
            await queue.flush()
        await queue.enqueue("a", priority=P.NORMAL)
        await queue.enqueue("b", priority=P.NORMAL)
        await queue.flush()

    expected = ["a", "a!", "a!!", "b", "b!", "b!!"] if opened else ["a", "b", "a!", "b!"]
    assert delivered[: len(expected)] == expected
    assert len(delivered) == 6
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_of_three_concurrent_flushes_one_works_and_two_return_false_at_once() -> None:
    queue, processor = await filled_queue("a", "b"), Processor()
    queue.set_processor(processor)
    processor.gate.clear()
    worker = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)

    async with asyncio.timeout(HANG_S):
        assert [await queue.flush(), await queue.flush()] == [False, False]
    assert (queue.state, processor.delivered) == (QueueState.FLUSHING, [])
    processor.gate.set()
    assert await worker is True
    assert processor.delivered == ["a", "b"]
    assert queue.metrics.flushes == 1


@pytest.mark.asyncio
async def test_three_flushes_gathered_are_concurrent_even_with_a_sync_processor() -> None:
    queue, processor = await filled_queue("a", "b"), Processor()
    queue.set_processor(processor.now)

    answers = await asyncio.gather(queue.flush(), queue.flush(), queue.flush())

    assert sorted(answers) == [False, False, True]
    assert processor.delivered == ["a", "b"]


@pytest.mark.asyncio
async def test_an_enqueue_during_a_flush_returns_at_once_and_is_delivered_after_the_backlog() -> (
    None
):
    queue, processor = await filled_queue("a", "b", "c"), Processor()
    queue.set_processor(processor)
    processor.gate.clear()
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)

    times_s = list[float]()
    for name, priority in (("low", P.LOW), ("high", P.HIGH), ("urgent", P.CRITICAL)):
        started = time.perf_counter()
        assert await queue.enqueue(name, priority=priority)
        times_s.append(time.perf_counter() - started)
    processor.gate.set()
    assert await flush is True

    assert statistics.median(times_s) < 0.050
    assert processor.delivered == ["a", "b", "c", "urgent", "high", "low"]


@pytest.mark.asyncio
async def test_what_makes_room_during_a_flush_leaves_the_backlog_s_order() -> None:
    queue, processor = await filled_queue("a", "b", max_size=3), Processor()
    await queue.enqueue("low", priority=P.LOW)
    queue.set_processor(processor)
    processor.gate.clear()
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)

    assert await queue.enqueue("high", priority=P.HIGH)
    assert await queue.enqueue("critical", priority=P.CRITICAL)
    processor.gate.set()
    await flush

    # First low and then b were evicted; a was in the processor's hands.
    assert processor.delivered == ["a", "critical", "high"]
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_slow_processor_of_one_sender_does_not_hold_up_another() -> None:
    queue, processor = await filled_queue(), Processor()
    queue.set_processor(processor)
    await queue.flush()
    processor.gate.clear()
    first = asyncio.create_task(queue.enqueue("a", priority=P.NORMAL))
    await asyncio.sleep(0.001)

    async with asyncio.timeout(HANG_S):
        assert await queue.enqueue("b", priority=P.NORMAL)
    assert (len(queue), processor.delivered) == (2, [])
    processor.gate.set()
    assert await first
    assert processor.delivered == ["a", "b"]


@pytest.mark.asyncio
async def test_a_backlog_may_be_cleared_during_its_flush() -> None:
    queue, processor = await filled_queue("a", "b", "c"), Processor()
    queue.set_processor(processor)
    processor.gate.clear()
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)

    assert await queue.clear() == 2
    await queue.enqueue("d", priority=P.LOW)
    processor.gate.set()

    assert await flush is True
    assert processor.delivered == ["a", "d"]
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_waiting_time_is_counted_once_whatever_happens_to_the_delivery() -> None:
    clock, processor = Clock(), Processor()
    queue = await filled_queue("a", clock=clock)
    queue.set_processor(processor)
    processor.gate.clear()
    clock.advance(1)
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)
    flush.cancel()
    await asyncio.wait({flush})
    clock.advance(8)
    processor.gate.set()
    await queue.flush()

    assert queue.metrics.queue_ms_mean == pytest.approx(1000.0)


@pytest.mark.asyncio
async def test_a_sender_is_not_held_by_what_others_send_without_end() -> None:
    queue, delivered = await filled_queue(), list[str]()
    running = True

    async def go_on(message: QueuedMessage[str]) -> None:
        delivered.append(message.payload)
        await asyncio.sleep(0)
        if running:
            await queue.enqueue(str(len(delivered)), priority=P.NORMAL)

    queue.set_processor(go_on)
    await queue.flush()
    async with asyncio.timeout(HANG_S):
        assert await queue.enqueue("0", priority=P.NORMAL)
        await asyncio.sleep(0.005)
        running = False
        while len(queue):
            await asyncio.sleep(0)

    assert len(delivered) > 100
    assert delivered == [str(number) for number in range(len(delivered))]


@pytest.mark.asyncio
async def test_a_processor_that_never_waits_starves_nobody() -> None:
    queue, turns = await filled_queue(), 0
    running = True

    def feed_itself(message: QueuedMessage[str]) -> None:
        if running:
            queue.enqueue_nowait("more", priority=P.NORMAL)

    queue.set_processor(feed_itself)
    await queue.enqueue("first", priority=P.NORMAL)
    flush = asyncio.create_task(queue.flush())
    while turns < 5:
        turns += 1
        await asyncio.sleep(0)
    running = False
    await flush

    assert queue.metrics.delivered > 100
    assert_balanced(queue.metrics)
