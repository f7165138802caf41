"""Deliveries a second of one web process, and how long one takes at a given rate."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from bench import machine
from bench.crowd import Crowd
from bench.sources import Source

# Events under way at most: enough that the server never waits for the next.
WINDOW: Final = 40
# Events that share a transaction, so that it is not the log that is measured.
BATCH: Final = 10
WARM_S: Final = 1.0
RUN_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Side:
    """One server with its crowd, and the way its events set out."""

    crowd: Crowd
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Deliveries a second, by the clock and of the server's computing; shares of a core."""

    a_second: float
    a_cpu_second: float
    server_busy: float
    client_busy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from the hand-over to the bus to each socket, and the 99th from the start."""

    p50_ms: float
    p99_ms: float
    whole_p99_ms: float


class _Clock:
    """Readings of time and work, to be subtracted."""

    def __init__(self, crowd: Crowd) -> None:
        self.at = time.perf_counter()
        self.deliveries = crowd.deliveries
        self.server_s = machine.cpu_s(crowd.server.pid)
        self.client_s = time.process_time()


async def throughput(side: Side) -> Throughput:
    """As fast as it goes, with at most WINDOW events that have not reached every socket."""
    crowd, emitted = side.crowd, side.crowd.complete
    before: _Clock | None = None
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < WARM_S + RUN_S:
        if before is None and elapsed >= WARM_S:
            before = _Clock(crowd)
        await side.source(BATCH)
        emitted += BATCH
        await crowd.completed(emitted - WINDOW)
    after = _Clock(crowd)
    assert before is not None, "no batch takes as long as a run"
    await crowd.completed(emitted)
    took_s, server_s = after.at - before.at, after.server_s - before.server_s
    deliveries = after.deliveries - before.deliveries
    return Throughput(
        a_second=deliveries / took_s,
        a_cpu_second=deliveries / server_s,
        server_busy=server_s / took_s,
        client_busy=(after.client_s - before.client_s) / took_s,
    )


async def latency(side: Side, *, events_s: int) -> Latency:
    """At an offered rate, whatever becomes of it."""
    crowd, count = side.crowd, int(events_s * RUN_S)
    handed: dict[int, float] = {}
    begun: dict[int, float] = {}
    arrivals = crowd.arrivals = []
    before, started = crowd.complete, time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, started + number / events_s - time.perf_counter()))
        emitted = await side.source(1)
        handed |= emitted.handed
        begun |= dict.fromkeys(emitted.handed, emitted.begun)
    await crowd.completed(before + count)
    crowd.arrivals = None
    from_bus = [1000 * (at - handed[seq]) for seq, at in arrivals]
    from_start = [1000 * (at - begun[seq]) for seq, at in arrivals]
    return Latency(
        p50_ms=quantile(from_bus, 0.5),
        p99_ms=quantile(from_bus, 0.99),
        whole_p99_ms=quantile(from_start, 0.99),
    )


def quantile(values: list[float], share: float) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
