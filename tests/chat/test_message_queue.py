"""Keeping, refusing, ordering, expiring and counting (SPEC §2)."""

import asyncio
from itertools import product
from math import nan
from typing import Any

import pytest

from chat.connection.message_queue import (
    Enqueued,
    MessagePriority,
    MessageQueue,
    QueuedMessage,
    QueueMetrics,
    QueueState,
    RefusalReason,
)
from netra.ids import ConnectionID, ThreadID, UserID
from tests.fakes.clock import Clock
from tests.fakes.processor import Processor

P = MessagePriority
HANG_S = 30.0


def new_queue(**options: Any) -> MessageQueue[str]:
    return MessageQueue(connection_id=ConnectionID.new(), user_id=UserID.new(), **options)


async def open_queue(processor: Processor, **options: Any) -> MessageQueue[str]:
    """A queue in pass-through."""
    queue = new_queue(**options)
    queue.set_processor(processor)
    assert await queue.flush()
    return queue


def assert_balanced(metrics: QueueMetrics) -> None:
    left = metrics.delivered + metrics.expired + metrics.evicted
    left += metrics.dead_lettered + metrics.cleared
    assert metrics.accepted == left + metrics.queued
    assert metrics.dropped == metrics.evicted + metrics.refused


def test_priorities_and_states_are_those_of_the_specification() -> None:
    assert [(p.name, p.value) for p in P] == [
        ("LOW", 0),
        ("NORMAL", 1),
        ("HIGH", 2),
        ("CRITICAL", 3),
    ]
    assert [state.value for state in QueueState] == [
        "buffering",
        "flushing",
        "pass_through",
        "closed",
    ]


@pytest.mark.parametrize(
    "wrong", [{"max_size": 0}, {"max_age_s": 0}, {"max_attempts": 0}, {"max_age_s": nan}]
)
def test_limits_must_be_positive(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive"):
        new_queue(**wrong)


def test_ids_of_another_kind_are_refused() -> None:
    wrong: Any = ThreadID.new()
    with pytest.raises(ValueError, match="ConnectionID"):
        MessageQueue[str](connection_id=wrong, user_id=None)
    with pytest.raises(ValueError, match="UserID"):
        MessageQueue[str](connection_id=ConnectionID.new(), user_id=wrong)


@pytest.mark.asyncio
async def test_a_new_queue_keeps_until_it_is_flushed() -> None:
    queue, processor = new_queue(), Processor()
    queue.set_processor(processor)
    assert queue.state is QueueState.BUFFERING

    assert await queue.enqueue("hello", priority=P.NORMAL, message_id="m1")
    assert (len(queue), processor.delivered) == (1, [])
    assert await queue.flush() is True

    assert processor.delivered == ["hello"]
    assert (len(queue), queue.state) == (0, QueueState.PASS_THROUGH)
    assert queue.metrics.flushes == 1


@pytest.mark.asyncio
async def test_the_processor_sees_payload_priority_id_and_attempts() -> None:
    queue, seen = new_queue(), list[QueuedMessage[str]]()
    queue.set_processor(seen.append)
    await queue.enqueue("a", priority=P.HIGH, message_id="mine")
    await queue.enqueue("b", priority=P.LOW)
    await queue.enqueue("c", priority=P.LOW)
    await queue.flush()

    assert (seen[0].payload, seen[0].priority, seen[0].message_id) == ("a", P.HIGH, "mine")
    assert seen[0].attempts == 1
    assert len({message.message_id for message in seen}) == 3


@pytest.mark.asyncio
async def test_pass_through_delivers_at_once() -> None:
    processor = Processor()
    queue = await open_queue(processor)

    assert await queue.enqueue("now", priority=P.LOW)

    assert processor.delivered == ["now"]
    assert (len(queue), queue.metrics.delivered) == (0, 1)


@pytest.mark.asyncio
async def test_pass_through_without_a_processor_keeps_the_message() -> None:
    queue, processor = new_queue(), Processor()
    assert await queue.flush()
    assert await queue.enqueue("early", priority=P.NORMAL)
    assert await queue.enqueue("bird", priority=P.NORMAL)
    assert (queue.state, len(queue)) == (QueueState.PASS_THROUGH, 2)

    queue.set_processor(processor)
    await asyncio.sleep(0.01)

    assert processor.delivered == ["early", "bird"]
    assert queue.state is QueueState.PASS_THROUGH


def test_messages_may_be_kept_before_any_loop_runs() -> None:
    queue, delivered = new_queue(), list[str]()
    queue.set_processor(lambda message: delivered.append(message.payload))
    assert queue.enqueue_nowait("one", priority=P.NORMAL)
    assert queue.enqueue_nowait("two", priority=P.NORMAL)

    assert asyncio.run(queue.flush()) is True

    assert delivered == ["one", "two"]


@pytest.mark.asyncio
async def test_enqueue_nowait_never_delivers_and_flush_stays_in_pass_through() -> None:
    processor = Processor()
    queue = await open_queue(processor)

    assert queue.enqueue_nowait("kept", priority=P.HIGH)
    await asyncio.sleep(0.01)
    assert (processor.delivered, len(queue)) == ([], 1)
    assert await queue.flush() is True
    assert (processor.delivered, queue.state) == (["kept"], QueueState.PASS_THROUGH)


@pytest.mark.asyncio
async def test_pass_through_delivers_what_was_kept_first() -> None:
    processor = Processor()
    queue = await open_queue(processor)
    queue.enqueue_nowait("first", priority=P.NORMAL)

    await queue.enqueue("second", priority=P.NORMAL)

    assert processor.delivered == ["first", "second"]


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong", [-1, 4, 99])
async def test_an_unknown_priority_is_refused_and_not_counted(wrong: Any) -> None:
    queue = new_queue()

    with pytest.raises(ValueError, match="MessagePriority"):
        await queue.enqueue("x", priority=wrong)

    assert queue.metrics.accepted == 0


@pytest.mark.asyncio
async def test_a_flush_delivers_by_priority_and_by_arrival_within_one() -> None:
    queue, processor = new_queue(), Processor()
    queue.set_processor(processor)
    for number in range(3):
        for priority in (P.LOW, P.CRITICAL, P.NORMAL, P.HIGH):
            await queue.enqueue(f"{priority.name}{number}", priority=priority)

    await queue.flush()

    assert processor.delivered == [
        f"{priority.name}{number}" for priority in reversed(P) for number in range(3)
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("opened", [False, True])
async def test_ten_concurrent_senders_keep_their_order_within_each_priority(opened: bool) -> None:
    processor = Processor()
    queue = await open_queue(processor) if opened else new_queue()
    queue.set_processor(processor)

    async def send(sender: int) -> None:
        for number in range(40):
            priority = P(number % 4)
            assert await queue.enqueue(f"{sender}/{priority}/{number:02}", priority=priority)
            await asyncio.sleep(0)

    async with asyncio.timeout(HANG_S):
        await asyncio.gather(*(send(sender) for sender in range(10)))
        await queue.flush()

    assert len(processor.delivered) == 400
    for sender, priority in product(range(10), P):
        own = [text for text in processor.delivered if text.startswith(f"{sender}/{priority}/")]
        assert own == sorted(own)
        assert len(own) == 10
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_raising_callback_is_logged_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def complain(message: QueuedMessage[str], error: BaseException | None) -> None:
        raise OSError("callback")

    clock, processor = Clock(), Processor({"bad": 3})
    queue = new_queue(clock=clock, on_expired=complain, on_dead_letter=complain)
    queue.set_processor(processor)
    await queue.enqueue("old", priority=P.NORMAL)
    clock.advance(301)
    await queue.enqueue("bad", priority=P.NORMAL)
    await queue.enqueue("good", priority=P.NORMAL)

    assert await queue.flush() is False
    assert processor.delivered == ["good"]
    assert "callback" in caplog.text
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_clear_drops_what_waits_and_says_how_many() -> None:
    queue, processor = new_queue(), Processor()
    queue.set_processor(processor)
    for priority in P:
        await queue.enqueue("gone", priority=priority)

    assert await queue.clear() == 4
    assert await queue.clear() == 0
    await queue.flush()
    assert (len(queue), processor.delivered, queue.metrics.cleared) == (0, [], 4)
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_waiting_times_are_measured_to_the_first_attempt() -> None:
    clock, processor = Clock(), Processor({"0": 1})
    queue = new_queue(clock=clock)
    queue.set_processor(processor)
    for number in range(100):
        await queue.enqueue(str(number), priority=P.NORMAL)
        clock.advance(0.010)
    await queue.flush()

    metrics = queue.metrics
    assert metrics.queue_ms_mean == pytest.approx(505.0)
    assert metrics.queue_ms_p95 == pytest.approx(950.0)


def test_an_empty_queue_has_waited_for_nothing() -> None:
    metrics = new_queue().metrics

    assert (metrics.queue_ms_mean, metrics.queue_ms_p95, metrics.peak_size) == (0.0, 0.0, 0)


@pytest.mark.asyncio
async def test_the_percentile_is_of_the_newest_1024_and_the_mean_of_all() -> None:
    clock, processor = Clock(), Processor()
    queue = await open_queue(processor, clock=clock, max_size=2000)
    for waited_s, count in ((10.0, 1024), (0.0, 1024)):
        for _ in range(count):
            queue.enqueue_nowait("x", priority=P.NORMAL)
        clock.advance(waited_s)
        await queue.flush()

    assert queue.metrics.queue_ms_mean == pytest.approx(5000.0)
    assert queue.metrics.queue_ms_p95 == 0.0


def test_an_answer_is_its_own_truth() -> None:
    assert Enqueued()
    assert not Enqueued(RefusalReason.CLOSED)
