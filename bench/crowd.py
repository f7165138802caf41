"""Fifty sockets on one conversation, and when each event reached how many of them."""

import asyncio
import contextlib
import time
from array import array
from collections.abc import Awaitable, Callable
from typing import Final

from bench.people import Person
from bench.servers import Server
from bench.wire import Socket, SocketClosed
from chat.models import Thread

SOCKETS: Final = 50
# What a subscription may take from `subscribe` to live.
SETTLES_S: Final = 0.5
# A client need not confirm more often than once a second; at this rate that is a mebibyte.
CONFIRMS_EVERY_S: Final = 0.2
EVENTS_MAX: Final = 500_000
SEQ: Final = b'"seq":'


class Crowd:
    """Counts deliveries; a delivery is one event at one socket, in a frame of its own."""

    def __init__(self, server: Server, *, size: int = SOCKETS) -> None:
        self.server = server
        self.size = size
        self.deliveries = 0
        # Events that have reached every socket.
        self.complete = 0
        # While it is a list: the seq of each delivery and when it was made.
        self.arrivals: list[tuple[int, float]] | None = None
        self._sockets: list[Socket] = []
        self._have = array("B", bytes(EVENTS_MAX))
        self._wanted = 0
        self._wake: asyncio.Future[None] | None = None
        self._lost: SocketClosed | None = None
        self._confirming: asyncio.Task[None] | None = None

    @staticmethod
    async def on_thread(
        server: Server, person: Person, thread: Thread, *, size: int = SOCKETS
    ) -> "Crowd":
        crowd = Crowd(server, size=size)
        for _ in range(size):
            socket = crowd._counted(await _ready(server, person.cookie))
            socket.send(type="subscribe", thread_id=thread.public_id, after_seq=0)
        crowd._confirming = asyncio.create_task(crowd._confirm(thread))
        await asyncio.sleep(SETTLES_S)
        return crowd

    @staticmethod
    async def in_group(
        server: Server,
        *,
        size: int = SOCKETS,
        opened: Callable[[Server], Awaitable[Socket]] | None = None,
    ) -> "Crowd":
        """Sockets that get whatever comes, opened by a rival's own way where it has one."""
        crowd = Crowd(server, size=size)
        for _ in range(size):
            crowd._counted(await (_ready(server, "") if opened is None else opened(server)))
        await asyncio.sleep(SETTLES_S)
        return crowd

    async def completed(self, count: int) -> None:
        """Wait until so many events have reached every socket; raises SocketClosed."""
        while self.complete < count:
            if self._lost is not None:
                raise self._lost
            self._wanted = count
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None

    async def leave(self) -> None:
        if self._confirming is not None:
            self._confirming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._confirming
        for socket in self._sockets:
            socket.close()

    def _counted(self, socket: Socket) -> Socket:
        socket.on_frame = self._on_frame
        socket.on_lost = self._on_lost
        self._sockets.append(socket)
        return socket

    def _on_lost(self, why: SocketClosed) -> None:
        """Without one of them no event reaches every socket any more."""
        why.add_note(f"a socket at {self.server.kind}")
        self._lost = why
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _confirm(self, thread: Thread) -> None:
        while True:
            await asyncio.sleep(CONFIRMS_EVERY_S)
            heads = {thread.public_id: self.complete}
            for socket in self._sockets:
                if socket.is_open:
                    socket.send(type="seen", heads=heads, bytes=socket.bytes)

    def _on_frame(self, frame: bytes) -> None:
        at = frame.find(SEQ) + len(SEQ)
        if at < len(SEQ):
            return
        seq = int(frame[at : frame.index(b",", at)])
        # Counted once, also where a gap was healed and a frame brings several.
        self.deliveries += 1
        if self.arrivals is not None:
            self.arrivals.append((seq, time.perf_counter()))
        for one in range(seq, seq + frame.count(SEQ)):
            self._have[one] += 1
            if self._have[one] == self.size:
                self._completed_one()

    def _completed_one(self) -> None:
        self.complete += 1
        wake = self._wake
        if wake is not None and not wake.done() and self.complete >= self._wanted:
            wake.set_result(None)


async def _ready(server: Server, cookie: str) -> Socket:
    socket = await Socket.open(server.port, cookie=cookie)
    await socket.until("ready")
    return socket
