"""What one connection costs: moves, look-ups, memory and messages (SPEC §1 and §2).

Run as `python -m bench.connection`.
"""

import asyncio
import random
import statistics
import threading
import time
import tracemalloc
from collections.abc import Callable

from chat.connection.message_queue import MessagePriority, MessageQueue, QueuedMessage
from chat.connection.registry import ConnectionRegistry
from chat.connection.state_machine import ConnectionState, ConnectionStateMachine
from netra.ids import ConnectionID, UserID

S = ConnectionState
SETUP_PATH = (S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY, S.PROCESSING_READY)
THREADS = 8
MOVES_A_THREAD = 5_000
MACHINES = 10_000
LOOKUPS = 50_000
MESSAGES = 100_000
BURST = 100


def percentile_us(times_s: list[float], percent: int) -> float:
    return 1e6 * statistics.quantiles(times_s, n=100)[percent - 1]


def transition_times() -> list[float]:
    """Seconds of each request that 8 threads make of one machine at once."""
    machine = ready_machine()
    times: list[list[float]] = [[] for _ in range(THREADS)]

    def hammer(own: list[float], seed: int) -> None:
        targets = random.Random(seed).choices(
            [S.PROCESSING, S.PROCESSING_READY, S.IDLE], k=MOVES_A_THREAD
        )
        for target in targets:
            started = time.perf_counter()
            machine.transition_to(target)
            own.append(time.perf_counter() - started)

    threads = [threading.Thread(target=hammer, args=(own, n)) for n, own in enumerate(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for own in times for one in own]


def ready_machine() -> ConnectionStateMachine:
    machine = ConnectionStateMachine(ConnectionID.new())
    for state in SETUP_PATH:
        machine.transition_to(state)
    return machine


def lookup_times() -> list[float]:
    registry = ConnectionRegistry()
    ids = [ConnectionID.new() for _ in range(MACHINES)]
    for connection_id in ids:
        registry.register(connection_id)
    times = []
    for connection_id in random.Random(1).choices(ids, k=LOOKUPS):
        started = time.perf_counter()
        registry.get(connection_id)
        times.append(time.perf_counter() - started)
    return times


def bytes_each(make: Callable[[], object]) -> float:
    """Traced bytes of one thing, by making a thousand."""
    make()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = [make() for _ in range(1000)]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / len(kept)


def used_queue() -> MessageQueue[str]:
    queue: MessageQueue[str] = MessageQueue(connection_id=ConnectionID.new(), user_id=None)
    queue.enqueue_nowait("x", priority=MessagePriority.HIGH)
    return queue


async def message_us(*, in_bursts: bool) -> float:
    """Microseconds from enqueue to the end of an async processor that does nothing."""

    async def process(message: QueuedMessage[str]) -> None:
        pass

    queue: MessageQueue[str] = MessageQueue(connection_id=ConnectionID.new(), user_id=UserID.new())
    queue.set_processor(process)
    await queue.flush()
    started = time.perf_counter()
    if in_bursts:
        for _ in range(MESSAGES // BURST):
            for _ in range(BURST):
                queue.enqueue_nowait("x", priority=MessagePriority.HIGH)
            await queue.flush()
    else:
        for _ in range(MESSAGES):
            await queue.enqueue("x", priority=MessagePriority.HIGH)
    elapsed_s = time.perf_counter() - started
    assert queue.metrics.delivered == MESSAGES
    return 1e6 * elapsed_s / MESSAGES


def main() -> None:
    moves, lookups = transition_times(), lookup_times()
    rows = [
        (f"transition p95, {THREADS} threads", percentile_us(moves, 95), "us", 1_000.0),
        (f"transition p99, {THREADS} threads", percentile_us(moves, 99), "us", 2_000.0),
        (f"registry look-up p95 of {MACHINES}", percentile_us(lookups, 95), "us", 1_000.0),
        ("machine after set-up", bytes_each(ready_machine), "bytes", 2_048.0),
        ("queue with a message", bytes_each(used_queue), "bytes", None),
        (f"message, bursts of {BURST}", asyncio.run(message_us(in_bursts=True)), "us", None),
        ("message, one by one", asyncio.run(message_us(in_bursts=False)), "us", None),
    ]
    print(f"{'':32} {'measured':>10} {'budget':>8}")
    for name, measured, unit, budget in rows:
        limit = "" if budget is None else f"{budget:.0f}"
        print(f"{name:32} {measured:10.2f} {limit:>8} {unit}")


if __name__ == "__main__":
    main()
