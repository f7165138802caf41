"""Deliveries that are cancelled, by others or by what they wait for (SPEC §2)."""

import asyncio

import pytest

from chat.connection.message_queue import MessagePriority, QueuedMessage, QueueState
from tests.chat.test_message_queue import assert_balanced
from tests.chat.test_message_queue_delivery import filled_queue
from tests.fakes.clock import Clock
from tests.fakes.processor import Processor

P = MessagePriority


@pytest.mark.asyncio
async def test_a_cancelled_flush_loses_nothing_and_counts_no_attempt() -> None:
    queue, processor = await filled_queue("a", "b"), Processor()
    queue.set_processor(processor)
    processor.gate.clear()
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)
    flush.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flush

    assert len(queue) == 2
    assert_balanced(queue.metrics)
    processor.gate.set()
    assert await queue.enqueue("c", priority=P.NORMAL)
    assert processor.delivered == ["a", "b", "c"]
    assert processor.attempts[:2] == [("a", 1), ("a", 1)]


@pytest.mark.asyncio
async def test_a_backlog_whose_flush_was_cancelled_still_goes_before_newcomers() -> None:
    queue, processor = await filled_queue("a", "b"), Processor()
    queue.set_processor(processor)
    processor.gate.clear()
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)
    await queue.enqueue("urgent", priority=P.CRITICAL)
    flush.cancel()
    await asyncio.wait({flush})
    processor.gate.set()

    assert await queue.flush() is True
    assert processor.delivered == ["a", "b", "urgent"]


@pytest.mark.asyncio
async def test_a_message_that_grew_old_in_a_cancelled_delivery_expires() -> None:
    clock, processor = Clock(), Processor()
    queue = await filled_queue("a", clock=clock)
    queue.set_processor(processor)
    processor.gate.clear()
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)
    clock.advance(301)
    assert len(queue) == 1
    flush.cancel()
    await asyncio.wait({flush})

    assert (len(queue), queue.metrics.expired) == (0, 1)
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_timeout_around_a_flush_is_a_cancellation() -> None:
    queue, processor = await filled_queue("a"), Processor()
    queue.set_processor(processor)
    processor.gate.clear()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.flush(), 0.01)

    assert (len(queue), queue.metrics.dead_lettered) == (1, 0)


@pytest.mark.asyncio
async def test_a_processor_that_waited_for_something_cancelled_has_failed() -> None:
    queue = await filled_queue("a", "b", max_attempts=1)

    async def wait_in_vain(message: QueuedMessage[str]) -> None:
        if message.payload == "a":
            raise asyncio.CancelledError

    queue.set_processor(wait_in_vain)

    assert await queue.flush() is False
    assert (queue.metrics.dead_lettered, queue.metrics.delivered) == (1, 1)


@pytest.mark.asyncio
async def test_a_callback_that_waited_for_something_cancelled_stops_nothing() -> None:
    async def wait_in_vain(message: QueuedMessage[str], error: BaseException | None) -> None:
        raise asyncio.CancelledError

    queue = await filled_queue("a", "b", max_attempts=1, on_dead_letter=wait_in_vain)
    processor = Processor({"a": 1})
    queue.set_processor(processor)

    assert await queue.flush() is False
    assert (processor.delivered, queue.metrics.dead_lettered) == (["b"], 1)


@pytest.mark.asyncio
async def test_a_cancelled_sender_holds_up_no_other_one() -> None:
    queue, processor = await filled_queue(), Processor()
    queue.set_processor(processor)
    await queue.flush()
    processor.gate.clear()
    first = asyncio.create_task(queue.enqueue("a", priority=P.NORMAL))
    await asyncio.sleep(0.001)
    assert await queue.enqueue("b", priority=P.NORMAL)
    first.cancel()
    await asyncio.wait({first})
    processor.gate.set()
    await asyncio.sleep(0.005)

    assert first.cancelled()
    assert processor.delivered == ["a", "b"]
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_sender_cancelled_while_it_delivers_for_another_holds_that_one_up_no_more() -> None:
    queue, attempts, stuck = await filled_queue(), list[str](), asyncio.Event()

    async def stick_once(message: QueuedMessage[str]) -> None:
        attempts.append(message.payload)
        await asyncio.sleep(0)
        if attempts == ["a", "b"]:
            stuck.set()
            await asyncio.Event().wait()

    queue.set_processor(stick_once)
    await queue.flush()
    first = asyncio.create_task(queue.enqueue("a", priority=P.NORMAL))
    await asyncio.sleep(0)
    assert await queue.enqueue("b", priority=P.NORMAL)
    await stuck.wait()
    first.cancel()
    await asyncio.wait({first})
    await asyncio.sleep(0.005)

    assert attempts == ["a", "b", "b"]
    assert (queue.metrics.delivered, queue.state) == (2, QueueState.PASS_THROUGH)


@pytest.mark.asyncio
async def test_a_cancelled_burial_is_done_again() -> None:
    dead, may_store = list[str](), asyncio.Event()

    async def bury(message: QueuedMessage[str], error: BaseException | None) -> None:
        await may_store.wait()
        dead.append(message.payload)

    queue = await filled_queue("a", max_attempts=1, on_dead_letter=bury)
    queue.set_processor(Processor({"a": 9}))
    flush = asyncio.create_task(queue.flush())
    await asyncio.sleep(0.001)
    flush.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flush
    assert (len(queue), queue.metrics.dead_lettered) == (1, 0)

    may_store.set()
    assert await queue.flush() is False
    assert (dead, queue.metrics.dead_lettered) == (["a"], 1)
