"""Every measure in turn, Netra and its rival by turns, and the rows that they make."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from django.db import connection

from bench import connects, first_event, machine, sends, servers, table
from bench.crowd import Crowd
from bench.deliveries import Latency, Side, Throughput, latency, quantile, throughput
from bench.people import Person, people
from bench.servers import Server
from bench.sources import bell_source, log_source, plain_source
from bench.table import Comparison, Figure, Row, Wanted
from chat.database import in_database

PEOPLE: Final = 50
REPEATS: Final = 4
FRESH_REPEATS: Final = 3
# Events a second to the fifty sockets: 2 500 and 5 000 deliveries a second.
RATES: Final = (50, 100)
# The publisher and its engines on one core, the server that is measured on the other.
ALL_CORES: Final = machine.cores()
CLIENT_CORES: Final = ALL_CORES[1:] or ALL_CORES
SERVER_CORE: Final = ALL_CORES[0]


async def everything() -> None:
    """Measure all, and print machine, table and what must be known to read it."""
    started = time.monotonic()
    lines = machine.description(await in_database(_engines))
    crowd = await in_database(people, PEOPLE)
    rows: list[Row] = []
    # Our parent has the engines as its other children.
    machine.pin(os.getppid(), CLIENT_CORES)
    with (
        servers.web("netra", core=SERVER_CORE) as netra,
        servers.web("plain", core=SERVER_CORE) as plain,
    ):
        rows += await _deliveries(netra, plain, crowd[0])
        rows += await _connects(netra, plain, crowd)
    rows += await _memory(crowd)
    machine.pin(os.getppid(), ALL_CORES)
    with servers.web("netra") as netra:
        with servers.worker(netra):
            rows += await _first_events(netra, crowd)
        rows += await _sends(netra, crowd)
    print("\n".join(lines))
    print(table.heading("plain / bare"))
    print("\n".join(row.line() for row in rows))
    print(f"took {time.monotonic() - started:.0f} s")


def _engines() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return [f"PostgreSQL {cursor.fetchone()[0]}"]


async def _deliveries(netra: Server, plain: Server, person: Person) -> list[Row]:
    _say("deliveries")
    stored, rung = [await in_database(person.new_thread) for _ in range(2)]
    by_log = Side(await Crowd.on_thread(netra, person, stored), log_source(stored))
    by_bell = Side(await Crowd.on_thread(netra, person, rung), bell_source(rung))
    by_group = Side(await Crowd.in_group(plain), plain_source())
    sides = (by_log, by_bell, by_group)
    fast = [[await throughput(side) for side in sides] for _ in range(REPEATS)]
    rows = _throughput_rows(*map(list, zip(*fast, strict=True)))
    for rate in RATES:
        timed = [
            [await latency(side, events_s=rate) for side in (by_log, by_group)]
            for _ in range(REPEATS)
        ]
        rows += _latency_rows(rate, *map(list, zip(*timed, strict=True)))
    for side in sides:
        side.crowd.leave()
    return rows


def _throughput_rows(
    by_log: list[Throughput], by_bell: list[Throughput], by_group: list[Throughput]
) -> list[Row]:
    wanted = Wanted(bound="least", value=2.5)
    plain = [one.a_second for one in by_group]
    plain_cpu = [one.a_cpu_second for one in by_group]
    return [
        Comparison(
            name="deliveries, log and bell", unit="1/s", netra=[one.a_second for one in by_log],
            other=plain, wanted=wanted,
        ),
        Comparison(
            name="deliveries, bell alone", unit="1/s", netra=[one.a_second for one in by_bell],
            other=plain, wanted=wanted,
        ),
        Comparison(
            name="deliveries, bell alone", unit="1/s of the server's CPU",
            netra=[one.a_cpu_second for one in by_bell], other=plain_cpu,
        ),
        Comparison(
            name="  server busy, log and bell", unit="% of its core",
            netra=[100 * one.server_busy for one in by_log],
            other=[100 * one.server_busy for one in by_group],
        ),
        Comparison(
            name="  publisher and reader busy, bell alone", unit="% of theirs",
            netra=[100 * one.client_busy for one in by_bell],
            other=[100 * one.client_busy for one in by_group],
        ),
    ]  # fmt: skip


def _latency_rows(rate: int, by_log: list[Latency], by_group: list[Latency]) -> list[Row]:
    name = f"{rate * 50} deliveries a second"
    return [
        Comparison(
            name=f"p50 at {name}", unit="ms", netra=[one.p50_ms for one in by_log],
            other=[one.p50_ms for one in by_group],
        ),
        Comparison(
            name=f"p99 at {name}", unit="ms", netra=[one.p99_ms for one in by_log],
            other=[one.p99_ms for one in by_group], wanted=Wanted(bound="most", value=1.0),
        ),
        Figure(
            name="  p99 with the storing", unit="ms", netra=[one.whole_p99_ms for one in by_log]
        ),
    ]  # fmt: skip


async def _connects(netra: Server, plain: Server, crowd: Sequence[Person]) -> list[Row]:
    _say("connects")
    pairs = [
        [await connects.connects_a_second(server, crowd) for server in (netra, plain)]
        for _ in range(REPEATS)
    ]
    ours, theirs = map(list, zip(*pairs, strict=True))
    return [Comparison(name="connect to ready", unit="1/s", netra=ours, other=theirs)]


async def _memory(crowd: Sequence[Person]) -> list[Row]:
    _say("memory")
    found: dict[servers.Kind, list[float]] = {"netra": [], "plain": []}
    for _ in range(FRESH_REPEATS):
        for kind, values in found.items():
            with servers.web(kind, core=SERVER_CORE) as server:
                values.append(await connects.idle_kib(server, crowd))
    wanted = Wanted(bound="most", value=1.5)
    return [
        Comparison(
            name="memory of an idle ready connection", unit="KiB", netra=found["netra"],
            other=found["plain"], wanted=wanted,
        )
    ]  # fmt: skip


async def _first_events(netra: Server, crowd: Sequence[Person]) -> list[Row]:
    _say("first events")
    alone = [await first_event.alone(netra, crowd[0], tag=str(n)) for n in range(REPEATS)]
    at_once = [await first_event.at_once(netra, crowd, tag=str(n)) for n in range(REPEATS)]
    rows: list[Row] = []
    for name, found, share, most in (
        ("one user, p95", alone, 0.95, 150),
        (f"{PEOPLE} users at once, the slowest", at_once, 1.0, 1000),
    ):
        first = [quantile(one.first, share) for one in found]
        started = [quantile(one.started, share) for one in found]
        wanted = Wanted(bound="most", value=most)
        rows += [
            Figure(name=f"first event, {name}", unit="ms", netra=first, wanted=wanted),
            Figure(name=f"  agent_started, {name}", unit="ms", netra=started),
        ]
    return rows


async def _sends(netra: Server, crowd: Sequence[Person]) -> list[Row]:
    _say("durable sends")
    pairs = [
        (await sends.sends_a_second(netra, crowd), await sends.inserts_a_second(crowd))
        for _ in range(FRESH_REPEATS)
    ]
    ours, bare = map(list, zip(*pairs, strict=True))
    return [Comparison(name="durable sends acknowledged", unit="1/s", netra=ours, other=bare)]


def _say(what: str) -> None:
    print(f"measuring {what}", file=sys.stderr, flush=True)
