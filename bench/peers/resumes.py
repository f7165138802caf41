"""A client that was away has what it missed."""

import asyncio
import json
import time
from typing import Final

from bench import servers
from bench.peers import socket_io
from bench.people import unlimited_people
from bench.resume import MISSED, RESUMES, resumed, written_thread
from bench.servers import Server
from bench.sources import raw_source
from bench.table import Rival, Row, quantile
from bench.wire import Socket
from chat.database import in_database

REPEATS: Final = 3
APPENDED_AT_ONCE: Final = 100
# Until the server knows that a socket is gone.
NOTICED_S: Final = 0.05


async def rows() -> list[Row]:
    [person] = await in_database(unlimited_people, 1)
    thread = await in_database(written_thread, person)
    with servers.web("netra") as netra, socket_io.server() as other:
        await resumed(netra, person, thread)
        ours, theirs = [], []
        for _ in range(REPEATS):
            took = [await resumed(netra, person, thread) for _ in range(RESUMES)]
            ours.append(quantile([one.from_connect_ms for one in took], 0.95))
            theirs.append(quantile([await _recovered_ms(other) for _ in range(RESUMES)], 0.95))
    return [
        Row(
            name=f"{MISSED:,} missed events, from a fresh connect, p95", unit="ms", netra=ours,
            beside=Rival(name="socketio", values=theirs),
        )
    ]  # fmt: skip


async def _recovered_ms(server: Server) -> float:
    """A socket that heard one event goes, misses so many, and comes back."""
    emit = raw_source(socket_io.CHANNEL)
    witness = await socket_io.opened(server)
    socket, session_id = await socket_io.session(server)
    await emit(1)
    offset: str = json.loads((await socket.until_text(socket_io.EVENT))[2:])[-1]
    # The socket says no more than that it closes: a DISCONNECT would end the session.
    socket.close()
    await asyncio.sleep(NOTICED_S)
    for _ in range(MISSED // APPENDED_AT_ONCE):
        await emit(APPENDED_AT_ONCE)
    await _events(witness, MISSED + 1)
    begun = time.perf_counter()
    back = await socket_io.recovering(server, session_id, offset)
    await _events(back, MISSED)
    took_ms = 1000 * (time.perf_counter() - begun)
    for one in (witness, back):
        one.close()
    return took_ms


async def _events(socket: Socket, count: int) -> None:
    for _ in range(count):
        await socket.until_text(socket_io.EVENT)
