"""What an idle ready connection keeps of the server's memory."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final

from bench import machine, servers
from bench.people import Person, unlimited_people
from bench.servers import Kind, Server
from bench.table import Rival, Row, Wanted
from bench.wire import Socket
from chat.database import in_database

PEOPLE: Final = 50
AT_ONCE: Final = 50
# Open before memory is looked at, so that what a process makes but once is not counted.
WARM: Final = 50
IDLE: Final = 1000
REPEATS: Final = 2
SETTLES_S: Final = 2.0


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, PEOPLE)
    found: dict[Kind, list[float]] = {"netra": [], "plain": []}
    for _ in range(REPEATS):
        for kind, values in found.items():
            with servers.web(kind) as server:
                values.append(await _idle_kib(server, crowd))
    return [
        Row(
            name="memory of an idle ready connection", unit="KiB", netra=found["netra"],
            beside=Rival(name="plain", values=found["plain"]),
            wanted=(Wanted(bound="most", value=1.3, of="ratio"),),
        )
    ]  # fmt: skip


async def _idle_kib(server: Server, people: Sequence[Person]) -> float:
    """What each of IDLE ready connections adds to the server's resident memory."""
    sockets = await _open(server, people, WARM)
    before = await _settled_bytes(server)
    sockets += await _open(server, people, IDLE)
    after = await _settled_bytes(server)
    for socket in sockets:
        socket.close()
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
