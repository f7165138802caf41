"""Deliveries a second of one process, and how long one takes at a given rate."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.crowd import SOCKETS, Crowd
from bench.sources import Source

# Events under way at most: enough that the server never waits for the next.
WINDOW: Final = 40
# Events that share a transaction, so that it is not the log that is measured.
BATCH: Final = 10
RUN_S: Final = 4.0
WARM_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    deliveries_s: float
    client_busy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from the hand-over to the bus, and from the beginning, to each socket."""

    p50_ms: float
    p99_ms: float
    p99_stored_ms: float


async def throughput(crowd: Crowd, source: Source) -> Throughput:
    """As fast as it goes, with at most WINDOW events that have not reached every socket."""
    emitted = crowd.complete
    started = time.perf_counter()
    counting = False
    while (now := time.perf_counter()) - started < WARM_S + RUN_S:
        if not counting and now - started >= WARM_S:
            counting, since, had, cpu = True, now, crowd.deliveries, time.process_time()
        await source(BATCH)
        emitted += BATCH
        await crowd.completed(emitted - WINDOW)
    took = time.perf_counter() - since
    result = Throughput(
        deliveries_s=(crowd.deliveries - had) / took,
        client_busy=(time.process_time() - cpu) / took,
    )
    await crowd.completed(emitted)
    return result


async def latency(crowd: Crowd, source: Source, *, events_s: int) -> Latency:
    """With an offered rate, whatever becomes of it."""
    handed: dict[int, float] = {}
    begun: dict[int, float] = {}
    crowd.arrivals = []
    before = crowd.complete
    started = time.perf_counter()
    for number in range(int(events_s * RUN_S)):
        await asyncio.sleep(max(0.0, started + number / events_s - time.perf_counter()))
        began, times = await source(1)
        handed |= times
        begun |= dict.fromkeys(times, began)
    await crowd.completed(before + int(events_s * RUN_S))
    arrivals, crowd.arrivals = crowd.arrivals, None
    from_bus = sorted(1000 * (at - handed[seq]) for seq, at in arrivals)
    from_start = sorted(1000 * (at - begun[seq]) for seq, at in arrivals)
    assert len(from_bus) >= SOCKETS
    return Latency(
        p50_ms=_quantile(from_bus, 0.5),
        p99_ms=_quantile(from_bus, 0.99),
        p99_stored_ms=_quantile(from_start, 0.99),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
