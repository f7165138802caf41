"""One machine under eight threads, and ten connections that arrive at once (SPEC §1)."""

import asyncio
import random
import threading
from collections.abc import Sequence
from itertools import pairwise

import pytest

from chat.connection.message_queue import MessagePriority, MessageQueue, QueuedMessage
from chat.connection.registry import ConnectionRegistry
from chat.connection.state_machine import (
    OPERATIONAL,
    SETUP,
    TERMINAL,
    TRANSITIONS,
    ConnectionState,
    ConnectionStateMachine,
    Snapshot,
    Transition,
)
from netra.ids import ConnectionID, UserID
from tests.fakes.switching import frequent_switches

S = ConnectionState
THREADS = 8
REQUESTS = 1000
# Generous: a limit against hanging, not a measurement.
HANG_S = 60.0


class Hammer(threading.Thread):
    """Asks a machine for random moves, counting its answers and keeping what it looked like."""

    def __init__(
        self, machine: ConnectionStateMachine, seed: int, targets: Sequence[ConnectionState]
    ) -> None:
        super().__init__()
        self.machine = machine
        self.targets = random.Random(seed).choices(targets, k=REQUESTS)
        self.made = self.refused = self.torn = 0
        self.seen: set[tuple[int, float, ConnectionState]] = set()

    def run(self) -> None:
        for target in self.targets:
            moved = self.machine.transition_to(target)
            self.made += moved
            self.refused += not moved
            snapshot = self.machine.snapshot()
            self.torn += is_torn(snapshot)
            metrics = snapshot.metrics
            self.seen.add((metrics.transitions, metrics.last_activity, snapshot.state))


def is_torn(snapshot: Snapshot) -> bool:
    state, metrics = snapshot.state, snapshot.metrics
    return (
        snapshot.is_setup is not (state in SETUP)
        or snapshot.is_operational is not (state in OPERATIONAL)
        or snapshot.is_terminal is not (state in TERMINAL)
        or snapshot.can_process_messages is not (state in OPERATIONAL)
        or (state in OPERATIONAL and metrics.setup_duration_s is None)
    )


def run_together(threads: Sequence[threading.Thread]) -> None:
    with frequent_switches():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG_S)
            assert not thread.is_alive()


def hammer(machine: ConnectionStateMachine, targets: Sequence[ConnectionState]) -> list[Hammer]:
    hammers = [Hammer(machine, seed, targets) for seed in range(THREADS)]
    run_together(hammers)
    return hammers


def assert_chain(moves: list[Transition]) -> None:
    for move in moves:
        assert move.to_state in TRANSITIONS[move.from_state]
    for before, after in pairwise(moves):
        assert after.from_state is before.to_state
        assert after.at >= before.at


# Without an end and without a retry, which resets the counters.
LIVING = [state for state in S if state not in {S.CONNECTING, S.CLOSING, S.CLOSED, S.FAILED}]


def test_eight_threads_leave_a_legal_chain_and_true_counters() -> None:
    machine, told = ConnectionStateMachine(ConnectionID.new()), list[Transition]()
    machine.add_observer(told.append)

    hammers = hammer(machine, LIVING)

    made = sum(thread.made for thread in hammers)
    assert made + sum(thread.refused for thread in hammers) == THREADS * REQUESTS
    assert machine.metrics.transitions == made == len(told) > 200
    assert machine.metrics.refused_transitions == THREADS * REQUESTS - made
    assert sum(thread.torn for thread in hammers) == 0
    # Each snapshot is of one moment: its count, its time and its state are those of one move.
    moments = {(number, move.at, move.to_state) for number, move in enumerate(told, start=1)}
    seen = set[tuple[int, float, ConnectionState]]().union(*(thread.seen for thread in hammers))
    assert {moment for moment in seen if moment[0] > 0} <= moments
    # Told once each and in the order in which they were made.
    assert_chain(told)
    assert tuple(told[-200:]) == machine.history
    assert machine.state is told[-1].to_state


@pytest.mark.parametrize("seed", range(5))
def test_eight_threads_over_all_states_end_where_the_chain_ends(seed: int) -> None:
    machine, told = ConnectionStateMachine(ConnectionID.new()), list[Transition]()
    machine.add_observer(told.append)
    targets = random.Random(seed).sample(list(S), k=len(S))

    hammers = hammer(machine, targets)

    assert_chain(told)
    assert len(told) == sum(thread.made for thread in hammers)
    assert machine.state is told[-1].to_state
    assert sum(thread.torn for thread in hammers) == 0


def test_a_snapshot_is_not_put_together_when_it_is_asked_for() -> None:
    machine = ConnectionStateMachine(ConnectionID.new())

    # What is read in two steps can be torn by a move between them, if seldom enough to pass above.
    assert machine.snapshot() is machine.snapshot()


def test_of_eight_threads_exactly_one_wins_a_compare_and_set() -> None:
    machine = ConnectionStateMachine(ConnectionID.new())
    start, won = threading.Barrier(THREADS), list[bool]()

    def claim() -> None:
        start.wait(HANG_S)
        won.append(machine.transition_to(S.ACCEPTED, expected=S.CONNECTING))

    threads = [threading.Thread(target=claim) for _ in range(THREADS)]
    run_together(threads)

    assert sorted(won) == [False] * (THREADS - 1) + [True]


class Visitor:
    """A connection whose client sends as soon as the transport is accepted."""

    MESSAGES = 20

    def __init__(self, registry: ConnectionRegistry, chance: random.Random) -> None:
        self.machine = registry.register(ConnectionID.new())
        self.queue: MessageQueue[int] = MessageQueue(
            connection_id=self.machine.connection_id, user_id=None, machine=self.machine
        )
        self.queue.set_processor(self.process)
        self.chance = chance
        self.processed: list[int] = []
        self.early = 0

    async def process(self, message: QueuedMessage[int]) -> None:
        self.early += not self.machine.can_process_messages
        await asyncio.sleep(0)
        self.processed.append(message.payload)

    async def set_up(self) -> None:
        assert self.machine.transition_to(S.ACCEPTED)
        for state in (S.AUTHENTICATED, S.SERVICES_READY, S.PROCESSING_READY):
            await asyncio.sleep(self.chance.uniform(0.005, 0.020))
            if state is S.AUTHENTICATED:
                self.machine.identify(UserID.new())
            assert self.machine.transition_to(state)

    async def send_all(self) -> None:
        for number in range(self.MESSAGES):
            assert await self.queue.enqueue(number, priority=MessagePriority.HIGH)
            await asyncio.sleep(0.002)

    async def visit(self) -> None:
        await asyncio.gather(self.set_up(), self.send_all())


@pytest.mark.asyncio
async def test_ten_connections_10_ms_apart_all_become_ready_and_lose_nothing() -> None:
    registry, chance = ConnectionRegistry(), random.Random(7)
    visitors, visits = list[Visitor](), list[asyncio.Task[None]]()
    async with asyncio.timeout(HANG_S):
        for _ in range(10):
            visitors.append(Visitor(registry, chance))
            visits.append(asyncio.create_task(visitors[-1].visit()))
            await asyncio.sleep(0.010)
        await asyncio.gather(*visits)
        while any(len(visitor.queue) for visitor in visitors):
            await asyncio.sleep(0.001)

    assert registry.stats().operational == 10
    for visitor in visitors:
        assert visitor.processed == list(range(Visitor.MESSAGES))
        assert visitor.early == 0
        assert visitor.machine.metrics.setup_duration_s is not None
