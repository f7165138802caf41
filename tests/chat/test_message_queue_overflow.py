"""Full queues, old messages, and whom they cost a place (SPEC §2)."""

import asyncio
from itertools import product

import pytest

from chat.connection.message_queue import MessagePriority, QueuedMessage, RefusalReason
from chat.connection.outcomes import UNTOLD_LIMIT
from tests.chat.test_message_queue import assert_balanced, new_queue, open_queue
from tests.fakes.clock import Clock
from tests.fakes.processor import Processor

P = MessagePriority


@pytest.mark.asyncio
@pytest.mark.parametrize(("filler", "newcomer"), list(product(P, P)))
async def test_a_full_queue_takes_exactly_what_ranks_above_its_filler(
    filler: MessagePriority, newcomer: MessagePriority
) -> None:
    queue, processor = new_queue(max_size=2), Processor()
    queue.set_processor(processor)
    await queue.enqueue("oldest", priority=filler)
    await queue.enqueue("younger", priority=filler)

    answer = await queue.enqueue("new", priority=newcomer)
    metrics = queue.metrics
    await queue.flush()

    accepted = newcomer > filler
    assert bool(answer) is accepted
    assert answer.reason == (None if accepted else "overflow")
    assert processor.delivered == (["new", "younger"] if accepted else ["oldest", "younger"])
    assert (metrics.evicted, metrics.refused) == (int(accepted), int(not accepted))
    assert (metrics.overflow_events, metrics.dropped, metrics.queued) == (1, 1, 2)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("held", "newcomer", "left"),
    [
        ("LOW NORMAL HIGH", P.HIGH, "HIGH0 HIGH_new NORMAL0"),
        ("NORMAL LOW NORMAL", P.HIGH, "HIGH_new NORMAL0 NORMAL1"),
        ("LOW LOW NORMAL", P.NORMAL, "NORMAL0 NORMAL_new LOW1"),
        ("CRITICAL NORMAL HIGH", P.CRITICAL, "CRITICAL0 CRITICAL_new HIGH0"),
        ("CRITICAL CRITICAL HIGH", P.HIGH, "CRITICAL0 CRITICAL1 HIGH0"),
        ("CRITICAL CRITICAL LOW", P.NORMAL, "CRITICAL0 CRITICAL1 NORMAL_new"),
        ("CRITICAL CRITICAL CRITICAL", P.CRITICAL, "CRITICAL0 CRITICAL1 CRITICAL2"),
    ],
)
async def test_the_oldest_of_the_lowest_priority_below_makes_room(
    held: str, newcomer: MessagePriority, left: str
) -> None:
    queue, processor = new_queue(max_size=3), Processor()
    queue.set_processor(processor)
    seen: dict[str, int] = {}
    for name in held.split():
        await queue.enqueue(f"{name}{seen.get(name, 0)}", priority=MessagePriority[name])
        seen[name] = seen.get(name, 0) + 1
    await queue.enqueue(f"{newcomer.name}_new", priority=newcomer)
    await queue.flush()

    assert processor.delivered == left.split()
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_fifteen_critical_on_ten_low_keep_ten_and_tell_five() -> None:
    queue, processor = new_queue(max_size=10), Processor()
    queue.set_processor(processor)
    for number in range(10):
        assert await queue.enqueue(f"low{number}", priority=P.LOW)
    answers = [await queue.enqueue(f"c{n}", priority=P.CRITICAL) for n in range(15)]

    metrics = queue.metrics
    assert [bool(answer) for answer in answers] == [True] * 10 + [False] * 5
    assert {answer.reason for answer in answers[10:]} == {RefusalReason.OVERFLOW}
    assert (metrics.overflow_events, metrics.dropped) == (15, 15)
    assert (metrics.queued, metrics.peak_size) == (10, 10)
    await queue.flush()
    assert processor.delivered == [f"c{number}" for number in range(10)]


@pytest.mark.asyncio
async def test_a_critical_is_not_refused_for_what_the_processor_holds() -> None:
    processor = Processor()
    queue = await open_queue(processor, max_size=2)
    processor.gate.clear()
    holder = asyncio.create_task(queue.enqueue("held", priority=P.LOW))
    await asyncio.sleep(0)
    assert queue.enqueue_nowait("c1", priority=P.CRITICAL)

    assert not queue.enqueue_nowait("high", priority=P.HIGH)
    assert queue.enqueue_nowait("c2", priority=P.CRITICAL)
    assert not queue.enqueue_nowait("c3", priority=P.CRITICAL)

    assert len(queue) == 3
    processor.gate.set()
    assert await holder
    assert processor.delivered == ["held", "c1", "c2"]
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_a_message_in_the_processor_s_hands_is_queued_and_never_evicted() -> None:
    processor = Processor()
    queue = await open_queue(processor, max_size=1)
    processor.gate.clear()
    holder = asyncio.create_task(queue.enqueue("held", priority=P.LOW))
    await asyncio.sleep(0)

    assert (len(queue), queue.metrics.queued, queue.metrics.delivered) == (1, 1, 0)
    assert not await queue.enqueue("high", priority=P.HIGH)
    assert await queue.clear() == 0
    processor.gate.set()
    assert await holder
    assert (len(queue), processor.delivered) == (0, ["held"])


@pytest.mark.asyncio
async def test_an_overdue_message_is_not_delivered_and_counted_once() -> None:
    clock, told = Clock(), list[tuple[str, object]]()
    processor = Processor()
    queue = new_queue(
        max_age_s=60.0,
        clock=clock,
        on_expired=lambda message, error: told.append((message.payload, error)),
    )
    queue.set_processor(processor)
    for name, priority in (("low", P.LOW), ("high", P.HIGH), ("critical", P.CRITICAL)):
        await queue.enqueue(name, priority=priority)
    clock.advance(60.0)
    await queue.enqueue("fresh", priority=P.LOW)
    clock.advance(0.001)

    assert len(queue) == 2
    assert await queue.flush() is True
    await queue.flush()

    assert processor.delivered == ["critical", "fresh"]
    assert sorted(told) == [("high", None), ("low", None)]
    assert queue.metrics.expired == 2
    assert_balanced(queue.metrics)


@pytest.mark.asyncio
async def test_exactly_max_age_is_not_overdue() -> None:
    clock, processor = Clock(), Processor()
    queue = new_queue(max_age_s=60.0, clock=clock)
    queue.set_processor(processor)
    await queue.enqueue("just", priority=P.NORMAL)
    clock.advance(60.0)

    await queue.flush()

    assert processor.delivered == ["just"]


@pytest.mark.asyncio
async def test_each_message_grows_old_in_its_own_time() -> None:
    clock, lengths = Clock(), list[int]()
    queue = new_queue(max_age_s=60.0, clock=clock)
    for priority in (P.HIGH, P.LOW, P.HIGH, P.LOW):
        await queue.enqueue("x", priority=priority)
        clock.advance(10)
    clock.advance(11)
    for _ in range(6):
        lengths.append(len(queue))
        clock.advance(10)

    assert lengths == [4, 3, 2, 1, 0, 0]
    assert queue.metrics.expired == 4


@pytest.mark.asyncio
async def test_an_overdue_message_does_not_hold_a_place() -> None:
    clock, told = Clock(), list[str]()

    async def tell(message: QueuedMessage[str], error: BaseException | None) -> None:
        await asyncio.sleep(0)
        told.append(message.payload)

    queue = new_queue(max_size=2, max_age_s=60.0, clock=clock, on_expired=tell)
    await queue.enqueue("old1", priority=P.HIGH)
    await queue.enqueue("old2", priority=P.HIGH)
    clock.advance(61)

    assert await queue.enqueue("new", priority=P.LOW)

    metrics = queue.metrics
    assert (metrics.expired, metrics.evicted, metrics.overflow_events) == (2, 0, 0)
    assert (len(queue), told) == (1, ["old1", "old2"])


@pytest.mark.asyncio
async def test_the_overdue_are_told_by_clear_and_not_cleared() -> None:
    clock, told = Clock(), list[str]()
    queue = new_queue(clock=clock, on_expired=lambda message, _: told.append(message.payload))
    await queue.enqueue("old", priority=P.NORMAL)
    await queue.enqueue("critical", priority=P.CRITICAL)
    clock.advance(301)

    assert await queue.clear() == 1
    assert told == ["old"]


def test_senders_that_nobody_awaits_to_tell_are_bounded() -> None:
    clock, told = Clock(), list[str]()
    queue = new_queue(
        max_size=2 * UNTOLD_LIMIT,
        clock=clock,
        on_expired=lambda message, _: told.append(message.payload),
    )
    for number in range(UNTOLD_LIMIT + 5):
        queue.enqueue_nowait(str(number), priority=P.NORMAL)
    clock.advance(301)

    assert len(queue) == 0
    assert asyncio.run(queue.flush()) is True
    assert told == [str(number) for number in range(5, UNTOLD_LIMIT + 5)]
    assert queue.metrics.expired == UNTOLD_LIMIT + 5


@pytest.mark.asyncio
async def test_who_only_asks_after_a_queue_finds_the_overdue_and_their_senders_are_told() -> None:
    clock, told = Clock(), list[str]()

    async def tell(message: QueuedMessage[str], error: BaseException | None) -> None:
        await asyncio.sleep(0)
        told.append(message.payload)

    queue = new_queue(max_age_s=60.0, clock=clock, on_expired=tell)
    for name in ("old1", "old2"):
        await queue.enqueue(name, priority=P.NORMAL)
        clock.advance(61)
        assert (len(queue), queue.metrics.queued) == (0, 0)
        assert len(asyncio.all_tasks()) == 2
        await asyncio.sleep(0.005)

    assert told == ["old1", "old2"]
    assert queue.metrics.expired == 2


@pytest.mark.asyncio
async def test_a_message_that_grows_too_old_between_attempts_expires() -> None:
    clock, told = Clock(), list[tuple[str, str]]()
    queue = new_queue(
        max_age_s=60.0,
        max_attempts=5,
        clock=clock,
        on_expired=lambda message, error: told.append((message.payload, str(error))),
    )

    def fail_slowly(message: QueuedMessage[str]) -> None:
        clock.advance(30)
        raise OSError(f"slow {message.attempts}")

    queue.set_processor(fail_slowly)
    await queue.enqueue("critical", priority=P.CRITICAL)
    assert await queue.flush() is False
    await queue.enqueue("ageing", priority=P.NORMAL)

    assert await queue.flush() is True
    assert told == [("ageing", "slow 3")]
    assert (queue.metrics.expired, queue.metrics.dead_lettered) == (1, 1)
    assert_balanced(queue.metrics)
