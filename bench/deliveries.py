"""Deliveries a second of one web process, and how long one takes at a given rate."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bench import machine, servers
from bench.crowd import SOCKETS, Crowd
from bench.people import unlimited_people
from bench.servers import Server
from bench.sources import Source, bell_source, log_source, plain_source, raw_source
from bench.table import Rival, Row, Wanted, quantile
from chat.database import in_database

REPEATS: Final = 3
# Events under way at most: enough that the server never waits for the next.
WINDOW: Final = 40
# Events that share a transaction, so that it is not the log that is measured.
BATCH: Final = 10
WARM_S: Final = 1.0
RUN_S: Final = 3.0
# Whatever takes longer has come to a stop.
ENDS_WITHIN_S: Final = 60.0
# To the fifty sockets: 2 500 deliveries a second.
EVENTS_S: Final = 50


@dataclass(frozen=True, slots=True)
class Side:
    """One server with its crowd, and the way its events set out.

    Where events may get lost, `patience_s` is what is waited for them; otherwise it is for ever.
    """

    crowd: Crowd
    source: Source
    patience_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Deliveries a second, by the clock and of the server's computing; shares of a core.

    `lost` are deliveries that never came.
    """

    a_second: float
    a_cpu_second: float
    lost: int
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


async def rows() -> list[Row]:
    with (
        machine.server_apart() as core,
        servers.web("netra", core=core) as netra,
        servers.web("plain", core=core) as plain,
        servers.web("raw", core=core) as raw,
        servers.web("joined", core=core) as joined,
    ):
        async with AsyncExitStack() as leaving:
            entered = [
                await leaving.enter_async_context(side)
                for side in (
                    on_log(netra), on_bell(netra), _on_group(plain), _on_raw(raw), _on_raw(joined)
                )
            ]  # fmt: skip
            fast = await _by_turns(entered)
            stored, _rung, by_group, by_raw, _by_joined = entered
            timed = [
                [await latency(side, events_s=EVENTS_S) for side in (stored, by_group, by_raw)]
                for _ in range(REPEATS)
            ]
    return [*_throughput_rows(fast), *_latency_rows(timed)]


@asynccontextmanager
async def on_log(server: Server) -> AsyncIterator[Side]:
    """Netra, each event stored before its bell is rung."""
    person = (await in_database(unlimited_people, 1))[0]
    thread = await in_database(person.new_thread)
    async with _left(await Crowd.on_thread(server, person, thread)) as crowd:
        yield Side(crowd, log_source(thread))


@asynccontextmanager
async def on_bell(server: Server) -> AsyncIterator[Side]:
    """Netra, its bell rung alone."""
    person = (await in_database(unlimited_people, 1))[0]
    thread = await in_database(person.new_thread)
    async with _left(await Crowd.on_thread(server, person, thread)) as crowd:
        yield Side(crowd, bell_source(thread))


@asynccontextmanager
async def _on_group(server: Server) -> AsyncIterator[Side]:
    async with _left(await Crowd.in_group(server)) as crowd:
        yield Side(crowd, plain_source())


@asynccontextmanager
async def _on_raw(server: Server) -> AsyncIterator[Side]:
    async with _left(await Crowd.in_group(server)) as crowd:
        yield Side(crowd, raw_source(server.kind))


@asynccontextmanager
async def _left(crowd: Crowd) -> AsyncIterator[Crowd]:
    try:
        yield crowd
    finally:
        await crowd.leave()


async def _by_turns(sides: Sequence[Side]) -> list[list[Throughput]]:
    """Each side's repeats."""
    turns = [[await throughput(side) for side in sides] for _ in range(REPEATS)]
    return [list(repeats) for repeats in zip(*turns, strict=True)]


async def throughput(side: Side) -> Throughput:
    """As fast as it goes; raises TimeoutError where events stop coming."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        return await _throughput(side)


async def _throughput(side: Side) -> Throughput:
    """With at most WINDOW events that have not reached every socket."""
    crowd, emitted = side.crowd, side.crowd.complete
    sent, had = 0, crowd.deliveries
    before: _Clock | None = None
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < WARM_S + RUN_S:
        if before is None and elapsed >= WARM_S:
            before = _Clock(crowd)
        await side.source(BATCH)
        sent += BATCH
        emitted += BATCH
        if not await _arrived(side, emitted - WINDOW):
            # What is lost is not waited for twice.
            emitted = crowd.complete
    after = _Clock(crowd)
    assert before is not None, "no batch takes as long as a run"
    await _arrived(side, emitted)
    took_s, server_s = after.at - before.at, after.server_s - before.server_s
    deliveries = after.deliveries - before.deliveries
    return Throughput(
        a_second=deliveries / took_s,
        a_cpu_second=deliveries / server_s,
        lost=sent * crowd.size - (crowd.deliveries - had),
        server_busy=server_s / took_s,
        client_busy=(after.client_s - before.client_s) / took_s,
    )


async def _arrived(side: Side, count: int) -> bool:
    """Whether so many events reached every socket while one had patience."""
    try:
        async with asyncio.timeout(side.patience_s):
            await side.crowd.completed(count)
    except TimeoutError:
        return False
    return True


async def latency(side: Side, *, events_s: int) -> Latency:
    """At an offered rate; raises TimeoutError where events stop coming."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        return await _latency(side, events_s=events_s)


async def _latency(side: Side, *, events_s: int) -> Latency:
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


def _throughput_rows(fast: list[list[Throughput]]) -> list[Row]:
    stored, rung, plain, raw, joined = fast
    wanted = {
        "plain": (Wanted(bound="least", value=5, of="ratio"),),
        "raw": (Wanted(bound="least", value=0.4, of="ratio"),),
    }
    rivals = {"plain": plain, "raw": raw, "joined": joined}
    name = "deliveries, bell alone"
    return [
        Row(
            name="deliveries, log and bell", unit="1/s",
            netra=[one.a_second for one in stored],
            beside=Rival(name="plain", values=[one.a_second for one in plain]),
        ),
        *(
            Row(
                name=name, unit="1/s", netra=[one.a_second for one in rung],
                beside=Rival(name=rival, values=[one.a_second for one in theirs]),
                wanted=wanted.get(rival, ()),
            )
            for rival, theirs in rivals.items()
        ),
        *(
            Row(
                name=name, unit="1/s of the server's CPU",
                netra=[one.a_cpu_second for one in rung],
                beside=Rival(name=rival, values=[one.a_cpu_second for one in theirs]),
            )
            for rival, theirs in rivals.items()
        ),
        Row(
            name="publisher and reader busy, bell alone", unit="% of theirs",
            netra=[100 * one.client_busy for one in rung],
            beside=Rival(name="raw", values=[100 * one.client_busy for one in raw]),
        ),
    ]  # fmt: skip


def _latency_rows(timed: list[list[Latency]]) -> list[Row]:
    stored, plain, raw = (list(repeats) for repeats in zip(*timed, strict=True))
    name = f"{EVENTS_S * SOCKETS} deliveries a second"
    p99 = [one.p99_ms for one in stored]
    most = (Wanted(bound="most", value=20),)
    return [
        Row(
            name=f"p50 at {name}", unit="ms", netra=[one.p50_ms for one in stored],
            beside=Rival(name="plain", values=[one.p50_ms for one in plain]),
        ),
        *(
            Row(
                name=f"p99 at {name}", unit="ms", netra=p99, wanted=most,
                beside=Rival(name=rival, values=[one.p99_ms for one in theirs]),
            )
            for rival, theirs in (("plain", plain), ("raw", raw))
        ),
        Row(
            name="the same p99 with the storing", unit="ms",
            netra=[one.whole_p99_ms for one in stored],
        ),
    ]  # fmt: skip
