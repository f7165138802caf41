"""Two hundred users who arrive in the same moment, as after a deploy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench import servers
from bench.people import Person, people
from bench.servers import Server
from bench.table import Rival, Row, Wanted, quantile
from bench.wire import Socket
from chat.database import in_database

ARRIVALS: Final = 200
REPEATS: Final = 5
# What the server may take to clean up behind those who left.
SETTLES_S: Final = 1.5

# How somebody gets a socket that is ready.
Opening = Callable[[Server, Person], Awaitable[Socket]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Milliseconds from the first packet of all to a connection's `ready`."""

    p50_ms: float
    p99_ms: float


async def rows() -> list[Row]:
    crowd = await in_database(people, ARRIVALS)
    with servers.web("netra") as netra, servers.web("plain") as plain, servers.web("raw") as raw:
        sides = (netra, plain, raw)
        for side in sides:
            # The first ones fill pools and caches.
            await arrive(side, crowd)
        turns = [[await arrive(side, crowd) for side in sides] for _ in range(REPEATS)]
    ours, by_plain, by_raw = (list(repeats) for repeats in zip(*turns, strict=True))
    name = f"{ARRIVALS} connect at once, all ready"
    soon = (
        Wanted(bound="most", value=500),
        Wanted(bound="most", value=4, of="ratio"),
    )
    return [
        Row(
            name=f"{name}, p50", unit="ms", netra=[one.p50_ms for one in ours],
            beside=Rival(name="raw", values=[one.p50_ms for one in by_raw]),
        ),
        Row(
            name=f"{name}, p99", unit="ms", netra=[one.p99_ms for one in ours], wanted=soon,
            beside=Rival(name="raw", values=[one.p99_ms for one in by_raw]),
        ),
        Row(
            name=f"{name}, p99", unit="ms", netra=[one.p99_ms for one in ours],
            beside=Rival(name="plain", values=[one.p99_ms for one in by_plain]),
        ),
    ]  # fmt: skip


async def opened(server: Server, person: Person) -> Socket:
    """A socket that is ready."""
    socket = await Socket.open(server.port, cookie=person.cookie)
    await socket.until("ready")
    return socket


async def arrive(server: Server, crowd: Sequence[Person], *, by: Opening = opened) -> Arrival:
    """Everybody connects at once; nobody leaves before the last one is ready."""
    started = time.perf_counter()

    async def ready(person: Person) -> tuple[Socket, float]:
        socket = await by(server, person)
        return socket, 1000 * (time.perf_counter() - started)

    arrived = await asyncio.gather(*map(ready, crowd))
    for socket, _took_ms in arrived:
        socket.close()
    await asyncio.sleep(SETTLES_S)
    took_ms = [one for _socket, one in arrived]
    return Arrival(p50_ms=quantile(took_ms, 0.5), p99_ms=quantile(took_ms, 0.99))
