"""A word to the server and its answer, fifty at a time."""

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
        turns = [[await _echoes_a_second(side, person) for side in sides] for _ in range(REPEATS)]
    ours, *theirs = (list(repeats) for repeats in zip(*turns, strict=True))
    return [
        Row(
            name=f"a word and its answer, {SOCKETS} at a time", unit="1/s", netra=ours,
            beside=Rival(name=side.kind, values=repeats),
        )
        for side, repeats in zip(sides[1:], theirs, strict=True)
    ]  # fmt: skip


async def _echoes_a_second(server: Server, person: Person) -> float:
    sockets = [await _opened(server, person) for _ in range(SOCKETS)]
    found = await rate([_echo(socket, server) for socket in sockets])
    for socket in sockets:
        socket.close()
    return found


async def _opened(server: Server, person: Person) -> Socket:
    if server.kind == "socketio":
        return await socket_io.opened(server)
    socket = await Socket.open(server.port, cookie=person.cookie if server.kind == "netra" else "")
    await socket.until("ready")
    return socket


def _echo(socket: Socket, server: Server) -> Step:
    said, answered = {
        "netra": (PING, PONG),
        "socketio": (socket_io.ECHO, socket_io.ECHOED),
    }.get(server.kind, (PING, PING))

    async def echo() -> None:
        socket.send_text(said)
        await socket.until_text(answered)

    return echo
