"""A word to the server and its answer, fifty at a time."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench import machine, servers
from bench.peers import socket_io, websockets_limit
from bench.people import Person, unlimited_people
from bench.sends import Step, rate
from bench.servers import Server
from bench.table import Rival, Row
from bench.wire import Socket
from chat.database import in_database

SOCKETS: Final = 50
REPEATS: Final = 3
# What a frame to be echoed is: Netra has nothing smaller to answer than a ping.
PING: Final = b'{"type":"ping"}'
PONG: Final = b'{"type":"pong"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoes:
    """By the clock, and of the server's computing."""

    a_second: float
    a_cpu_second: float


async def rows() -> list[Row]:
    [person] = await in_database(unlimited_people, 1)
    with (
        machine.server_apart() as core,
        servers.web("netra", core=core) as netra,
        servers.web("plain", core=core) as plain,
        servers.web("raw", core=core) as raw,
        websockets_limit.server(core=core) as limit,
        socket_io.server(core=core) as other,
    ):
        sides = (netra, plain, raw, limit, other)
        turns = [[await _echoes(side, person) for side in sides] for _ in range(REPEATS)]
    ours, *theirs = map(list, zip(*turns, strict=True))
    return [
        Row(
            name=f"a word and its answer, {SOCKETS} at a time", unit=unit,
            netra=[getattr(one, figure) for one in ours],
            beside=Rival(name=side.kind, values=[getattr(one, figure) for one in repeats]),
        )
        for unit, figure in (("1/s", "a_second"), ("1/s of the server's CPU", "a_cpu_second"))
        for side, repeats in zip(sides[1:], theirs, strict=True)
    ]  # fmt: skip


async def _echoes(server: Server, person: Person) -> Echoes:
    sockets = [await _opened(server, person) for _ in range(SOCKETS)]
    said = itertools.count()
    before_s = machine.cpu_s(server.pid)
    a_second = await rate([_echo(socket, server, said) for socket in sockets])
    took_s = machine.cpu_s(server.pid) - before_s
    for socket in sockets:
        socket.close()
    return Echoes(a_second=a_second, a_cpu_second=next(said) / took_s)


async def _opened(server: Server, person: Person) -> Socket:
    if server.kind == "socketio":
        return await socket_io.opened(server)
    socket = await Socket.open(server.port, cookie=person.cookie if server.kind == "netra" else "")
    await socket.until("ready")
    return socket


def _echo(socket: Socket, server: Server, said: Iterator[int]) -> Step:
    word, answer = {
        "netra": (PING, PONG),
        "socketio": (socket_io.ECHO, socket_io.ECHOED),
    }.get(server.kind, (PING, PING))

    async def echo() -> None:
        socket.send_text(word)
        await socket.until_text(answer)
        next(said)

    return echo
