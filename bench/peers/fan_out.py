"""One event to many sockets: how many deliveries a second, by each."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from bench import machine, servers
from bench.crowd import Crowd
from bench.deliveries import REPEATS, Side, Throughput, throughput
from bench.peers import socket_io, websockets_limit
from bench.people import unlimited_people
from bench.servers import Kind, Peer, Server
from bench.sources import Source, bell_source, plain_source, raw_source
from bench.table import Rival, Row, Wanted
from chat.database import in_database

# Its layer promises to deliver at most once.
CORE_PATIENCE_S: Final = 1.0
WANTED: Final = {
    (50, "plain"): 6.0,
    (50, "core"): 10.0,
    (50, "raw"): 0.6,
    (200, "socketio"): 1.0,
}


async def rows() -> list[Row]:
    with (
        machine.server_apart() as core,
        servers.web("netra", core=core) as netra,
        servers.web("plain", core=core) as plain,
        servers.web("core", core=core) as on_core_layer,
        servers.web("raw", core=core) as raw,
        websockets_limit.server(core=core) as limit,
        socket_io.server(core=core) as other,
    ):
        fewest = await _compared(50, (netra, plain, on_core_layer, raw, limit, other))
        return fewest + await _compared(200, (netra, plain, raw, limit, other))


async def _compared(size: int, servers: Sequence[Server]) -> list[Row]:
    async with AsyncExitStack() as leaving:
        sides = [await leaving.enter_async_context(_side(server, size)) for server in servers]
        turns = [[await throughput(side) for side in sides] for _ in range(REPEATS)]
    ours, *theirs = map(list, zip(*turns, strict=True))
    names = [server.kind for server in servers[1:]]
    return _rows(size, ours, dict(zip(names, theirs, strict=True)))


@asynccontextmanager
async def _side(server: Server, size: int) -> AsyncIterator[Side]:
    if server.kind == "netra":
        [person] = await in_database(unlimited_people, 1)
        thread = await in_database(person.new_thread)
        side = Side(await Crowd.on_thread(server, person, thread, size=size), bell_source(thread))
    elif server.kind == "socketio":
        crowd = await Crowd.in_group(server, size=size, opened=socket_io.opened)
        side = Side(crowd, raw_source(socket_io.CHANNEL))
    elif server.kind == "core":
        crowd = await Crowd.in_group(server, size=size)
        side = Side(crowd, plain_source("core"), CORE_PATIENCE_S)
    else:
        crowd = await Crowd.in_group(server, size=size)
        side = Side(crowd, _source(server.kind))
    yield side
    await side.crowd.leave()


def _source(kind: Kind | Peer) -> Source:
    return plain_source(kind) if kind == "plain" else raw_source(kind)


def _rows(size: int, ours: list[Throughput], theirs: dict[str, list[Throughput]]) -> list[Row]:
    return [
        Row(
            name=f"deliveries to {size} sockets", unit=unit,
            netra=[getattr(one, figure) for one in ours],
            beside=Rival(name=name, values=[getattr(one, figure) for one in repeats]),
            wanted=_wanted(size, name),
        )
        for unit, figure in (("1/s", "a_second"), ("1/s of the server's CPU", "a_cpu_second"))
        for name, repeats in theirs.items()
    ] + [
        # All others are waited for until their last one has come.
        Row(
            name=f"deliveries to {size} sockets that never arrived", unit="in all",
            netra=[one.lost for one in ours],
            beside=Rival(name="core", values=[one.lost for one in repeats]),
        )
        for name, repeats in theirs.items() if name == "core"
    ]  # fmt: skip


def _wanted(size: int, name: str) -> tuple[Wanted, ...]:
    least = WANTED.get((size, name))
    return () if least is None else (Wanted(bound="least", value=least, of="ratio"),)
