"""What a web process weighs with ten thousand idle ready connections."""

import asyncio
import itertools
import resource
import time
from typing import Final

from bench import machine, servers
from bench.people import unlimited_people
from bench.table import Row, Wanted
from bench.wire import Socket
from chat.database import in_database

CONNECTIONS: Final = 10_000
PEOPLE: Final = 200
OPENED_AT_ONCE: Final = 50
# Each end of a connection is an open file of its process, which has a few besides.
FILES_BESIDE: Final = 500
# A round of heartbeats, and what the first connections left is collected.
SETTLES_S: Final = 35.0
WATCHED_S: Final = 10.0
MIB: Final = 1024 * 1024


async def rows() -> list[Row]:
    _allow_files(CONNECTIONS + FILES_BESIDE)
    crowd = await in_database(unlimited_people, PEOPLE)
    cookies = itertools.islice(itertools.cycle([one.cookie for one in crowd]), CONNECTIONS)
    with servers.web("netra") as server:
        begun = time.perf_counter()

        async def open_some() -> list[Socket]:
            return [await _ready(server.port, cookie) for cookie in cookies]

        opened = await asyncio.gather(*(open_some() for _ in range(OPENED_AT_ONCE)))
        took_s = time.perf_counter() - begun
        await asyncio.sleep(SETTLES_S)
        await asyncio.to_thread(server.collect_garbage)
        weighs = machine.resident_bytes(server.pid) / MIB
        before_s = machine.cpu_s(server.pid)
        await asyncio.sleep(WATCHED_S)
        busy = (machine.cpu_s(server.pid) - before_s) / WATCHED_S
        sockets = list(itertools.chain.from_iterable(opened))
        lost = sum(not socket.is_open for socket in sockets)
        for socket in sockets:
            socket.close()
    name = f"{CONNECTIONS:,} idle ready connections on one process"
    return [
        Row(
            name=f"{name}: its memory", unit="MiB", netra=[weighs],
            wanted=(Wanted(bound="most", value=400),),
        ),
        Row(name="its computing", unit="% of a core", netra=[100 * busy]),
        Row(name="of them closed meanwhile", unit="sockets", netra=[lost]),
        Row(name="until all were ready, 50 at a time", unit="s", netra=[took_s]),
    ]  # fmt: skip


async def _ready(port: int, cookie: str) -> Socket:
    socket = await Socket.open(port, cookie=cookie)
    await socket.until("ready")
    # Heartbeats are not kept.
    socket.on_frame = _forget
    return socket


def _forget(_frame: bytes) -> None:
    return


def _allow_files(wanted: int) -> None:
    """For this process and those it starts; raises ValueError where the system allows fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
