"""How fast connections become ready, and what an idle ready one keeps of memory."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Final

from bench import machine
from bench.people import Person
from bench.servers import Server
from bench.wire import Socket

CONNECTS: Final = 400
AT_ONCE: Final = 50
# Open before memory is looked at, so that what a process makes but once is not counted.
WARM: Final = 50
IDLE: Final = 1000
SETTLES_S: Final = 2.0


async def connects_a_second(server: Server, people: Sequence[Person]) -> float:
    """Connections from the first SYN to the last `ready`, AT_ONCE of them under way."""
    started = time.perf_counter()
    sockets = await _open(server, people, CONNECTS)
    took_s = time.perf_counter() - started
    await _close(sockets)
    return CONNECTS / took_s


async def idle_kib(server: Server, people: Sequence[Person]) -> float:
    """What each of IDLE ready connections adds to the server's resident memory."""
    sockets = await _open(server, people, WARM)
    before = await _settled_bytes(server)
    sockets += await _open(server, people, IDLE)
    after = await _settled_bytes(server)
    await _close(sockets)
    return (after - before) / IDLE / 1024


async def _open(server: Server, people: Sequence[Person], count: int) -> list[Socket]:
    cookies = itertools.islice(itertools.cycle([person.cookie for person in people]), count)

    async def open_some() -> list[Socket]:
        return [await _ready(server, cookie) for cookie in cookies]

    opened = await asyncio.gather(*(open_some() for _ in range(AT_ONCE)))
    return list(itertools.chain.from_iterable(opened))


async def _ready(server: Server, cookie: str) -> Socket:
    socket = await Socket.open(server.port, cookie=cookie)
    await socket.until("ready")
    return socket


async def _settled_bytes(server: Server) -> int:
    await asyncio.sleep(SETTLES_S)
    await asyncio.to_thread(server.collect_garbage)
    return machine.resident_bytes(server.pid)


async def _close(sockets: Sequence[Socket]) -> None:
    for socket in sockets:
        socket.close()
    await asyncio.sleep(SETTLES_S)
