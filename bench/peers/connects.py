"""Two hundred connect in the same moment."""

from typing import Final

from bench import servers
from bench.arrivals import ARRIVALS, REPEATS, Opening, arrive, opened
from bench.peers import socket_io, websockets_limit
from bench.people import Person, people
from bench.servers import Server
from bench.table import Rival, Row
from bench.wire import Socket
from chat.database import in_database


async def rows() -> list[Row]:
    crowd = await in_database(people, ARRIVALS)
    with (
        servers.web("netra") as netra,
        servers.web("plain") as plain,
        socket_io.server() as other,
        websockets_limit.server() as limit,
    ):
        sides = (netra, plain, other, limit)
        for side in sides:
            # The first ones fill pools and caches.
            await arrive(side, crowd, by=_OPENINGS.get(side.kind, opened))
        turns = [
            [await arrive(side, crowd, by=_OPENINGS.get(side.kind, opened)) for side in sides]
            for _ in range(REPEATS)
        ]
    ours, *theirs = (list(repeats) for repeats in zip(*turns, strict=True))
    return [
        Row(
            name=f"{ARRIVALS} connect at once, all ready, p99", unit="ms",
            netra=[one.p99_ms for one in ours],
            beside=Rival(name=side.kind, values=[one.p99_ms for one in repeats]),
        )
        for side, repeats in zip(sides[1:], theirs, strict=True)
    ]  # fmt: skip


async def _by_socket_io(server: Server, _person: Person) -> Socket:
    return await socket_io.opened(server)


_OPENINGS: Final[dict[str, Opening]] = {"socketio": _by_socket_io}
