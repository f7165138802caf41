"""Any sequence of calls against a plain model: same order, same answers, counters in balance."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chat.connection.message_queue import (
    MessagePriority,
    MessageQueue,
    QueuedMessage,
    QueueState,
)
from chat.connection.state_machine import (
    TRANSITIONS,
    ConnectionState,
    ConnectionStateMachine,
)
from netra.ids import ConnectionID
from tests.chat.test_message_queue import assert_balanced
from tests.fakes.clock import Clock

P = MessagePriority
S = ConnectionState
MAX_SIZE = 4
MAX_AGE_S = 60.0
MAX_ATTEMPTS = 2


class Letter:
    """A message as the model sees it."""

    def __init__(self, number: int, priority: MessagePriority, at: float, failures: int) -> None:
        self.number = number
        self.priority = priority
        self.at = at
        self.failures = failures

    def is_overdue(self, now: float) -> bool:
        return self.priority is not P.CRITICAL and now - self.at > MAX_AGE_S


class QueueModel(RuleBasedStateMachine):
    """Drives a queue and its machine, and keeps a sorted list beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.waiting: list[Letter] = []
        self.expected: list[int] = []
        self.processed: list[int] = []
        self.failures: dict[int, int] = {}
        self.dead: list[int] = []
        self.expired: list[int] = []
        self.ended = {"delivered": 0, "expired": 0, "evicted": 0, "dead": 0, "cleared": 0}
        self.accepted = self.refused = self.number = 0

    @initialize(has_machine=st.booleans())
    def make(self, has_machine: bool) -> None:
        self.machine = ConnectionStateMachine(ConnectionID.new()) if has_machine else None
        self.queue = self.run(self._make_queue)

    def _make_queue(self) -> MessageQueue[int]:
        queue: MessageQueue[int] = MessageQueue(
            connection_id=ConnectionID.new(),
            user_id=None,
            max_size=MAX_SIZE,
            max_age_s=MAX_AGE_S,
            max_attempts=MAX_ATTEMPTS,
            machine=self.machine,
            on_dead_letter=lambda message, error: self.dead.append(message.payload),
            on_expired=lambda message, error: self.expired.append(message.payload),
            clock=self.clock,
        )
        queue.set_processor(self.process)
        return queue

    async def process(self, message: QueuedMessage[int]) -> None:
        await asyncio.sleep(0)
        if self.failures[message.payload] > 0:
            self.failures[message.payload] -= 1
            raise OSError(message.payload)
        self.processed.append(message.payload)

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call inside the loop, wait for the answer, and let the queue's own tasks end."""

        async def call() -> Any:
            answer = function(*args, **kwargs)
            if asyncio.iscoroutine(answer):
                answer = await answer
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)
            return answer

        return self.loop.run_until_complete(call())

    # What the model does

    def drop_overdue(self) -> None:
        overdue = [letter for letter in self.waiting if letter.is_overdue(self.clock.now)]
        self.ended["expired"] += len(overdue)
        self.waiting = [letter for letter in self.waiting if letter not in overdue]

    def clear_waiting(self) -> int:
        self.drop_overdue()
        cleared = len(self.waiting)
        self.ended["cleared"] += cleared
        self.waiting.clear()
        return cleared

    def deliver_waiting(self) -> bool:
        self.drop_overdue()
        clean = True
        for letter in sorted(self.waiting, key=lambda letter: (-letter.priority, letter.number)):
            if letter.failures >= MAX_ATTEMPTS:
                self.ended["dead"] += 1
                clean = False
                continue
            self.ended["delivered"] += 1
            self.expected.append(letter.number)
        self.waiting.clear()
        return clean

    def make_room(self, priority: MessagePriority) -> bool:
        self.drop_overdue()
        if len(self.waiting) < MAX_SIZE:
            return True
        lowest = min(self.waiting, key=lambda letter: (letter.priority, letter.number))
        if lowest.priority >= priority:
            return False
        self.waiting.remove(lowest)
        self.ended["evicted"] += 1
        return True

    # Rules

    @rule(priority=st.sampled_from(P), failures=st.sampled_from([0, 0, 0, 1, 2]))
    def enqueue(self, priority: MessagePriority, failures: int) -> None:
        self.send(self.queue.enqueue, priority, failures)
        if self.queue.state is QueueState.PASS_THROUGH:
            self.deliver_waiting()

    @rule(priority=st.sampled_from(P), failures=st.sampled_from([0, 0, 0, 1, 2]))
    def enqueue_nowait(self, priority: MessagePriority, failures: int) -> None:
        self.send(self.queue.enqueue_nowait, priority, failures)

    def send(self, enqueue: Any, priority: MessagePriority, failures: int) -> None:
        self.number += 1
        self.failures[self.number] = failures
        is_open = self.queue.state is not QueueState.CLOSED
        accepted = is_open and self.make_room(priority)
        if accepted:
            self.accepted += 1
            self.waiting.append(Letter(self.number, priority, self.clock.now, failures))
        else:
            self.refused += 1

        answer = self.run(enqueue, self.number, priority=priority)

        assert bool(answer) is accepted
        assert answer.reason == (None if accepted else "overflow" if is_open else "closed")

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def flush(self) -> None:
        may_deliver = self.machine is None or self.machine.is_operational
        is_closed = self.queue.state is QueueState.CLOSED
        is_passing = self.queue.state is QueueState.PASS_THROUGH

        clean = self.run(self.queue.flush)

        if (may_deliver or is_passing) and not is_closed:
            assert clean is self.deliver_waiting()
            assert self.queue.state is QueueState.PASS_THROUGH
        else:
            assert clean is True

    @rule()
    def clear(self) -> None:
        assert self.run(self.queue.clear) == self.clear_waiting()

    @precondition(lambda self: self.machine is not None)
    @rule(choice=st.integers(min_value=0, max_value=5))
    def move(self, choice: int) -> None:
        assert self.machine is not None
        legal = sorted(TRANSITIONS[self.machine.state] - {S.CLOSING, S.CLOSED, S.FAILED})
        if legal:
            self.advance(legal[choice % len(legal)])

    @precondition(lambda self: self.machine is not None and self.number > 15)
    @rule(state=st.sampled_from([S.CLOSING, S.CLOSED, S.FAILED]))
    def end(self, state: ConnectionState) -> None:
        self.advance(state)

    def advance(self, state: ConnectionState) -> None:
        assert self.machine is not None
        was_open = self.queue.state is not QueueState.CLOSED
        was_buffering = self.queue.state is QueueState.BUFFERING
        if not self.run(self.machine.transition_to, state) or not was_open:
            return
        if self.machine.is_terminal:
            self.clear_waiting()
            assert self.queue.state is QueueState.CLOSED
        elif state is S.RECONNECTING:
            assert self.queue.state is QueueState.BUFFERING
        elif self.machine.is_operational:
            if was_buffering:
                self.deliver_waiting()
            assert self.queue.state is QueueState.PASS_THROUGH

    @precondition(lambda self: self.number > 15)
    @rule()
    def close(self) -> None:
        if self.queue.state is not QueueState.CLOSED:
            self.clear_waiting()
        self.run(self.queue.close)
        assert self.queue.state is QueueState.CLOSED

    # What always holds

    @invariant()
    def counters_balance_and_agree_with_the_model(self) -> None:
        self.drop_overdue()
        metrics = self.queue.metrics
        assert_balanced(metrics)
        assert len(self.queue) == metrics.queued == len(self.waiting) <= MAX_SIZE
        assert (metrics.accepted, metrics.refused) == (self.accepted, self.refused)
        assert self.ended == {
            "delivered": metrics.delivered,
            "expired": metrics.expired,
            "evicted": metrics.evicted,
            "dead": metrics.dead_lettered,
            "cleared": metrics.cleared,
        }
        assert metrics.peak_size <= MAX_SIZE

    @invariant()
    def deliveries_come_in_the_model_s_order(self) -> None:
        assert self.processed == self.expected
        assert len(self.dead) == self.ended["dead"]

    def teardown(self) -> None:
        self.run(self.queue.close)
        assert len(self.expired) == self.ended["expired"]
        self.loop.close()


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    # A busy machine is no bug of the queue.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
