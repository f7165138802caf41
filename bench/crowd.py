"""Fifty sockets on one conversation, and when each event reached how many of them."""

import asyncio
import time
from array import array
from typing import Final

from bench.people import Person
from bench.servers import Server
from bench.wire import Socket
from chat.models import Thread

SOCKETS: Final = 50
# What a subscription may take from `subscribe` to live.
SETTLES_S: Final = 0.5
EVENTS_MAX: Final = 200_000


class Crowd:
    """Counts deliveries; a delivery is one event at one socket, in a frame of its own."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.deliveries = 0
        # How many sockets have the event of this seq, and when each got it.
        self.complete = 0
        self._have = array("B", bytes(EVENTS_MAX))
        self._wake: asyncio.Future[None] | None = None
        self._wanted = 0
        self.arrivals: list[tuple[int, float]] | None = None

    async def join_thread(self, server: Server, person: Person, thread: Thread) -> None:
        for _ in range(SOCKETS):
            socket = await Socket.open(server.port, cookie=person.cookie)
            await socket.until("ready")
            socket.send(type="subscribe", thread_id=thread.public_id, after_seq=0)
            self._take(socket)
        await asyncio.sleep(SETTLES_S)

    async def join_group(self, server: Server) -> None:
        for _ in range(SOCKETS):
            socket = await Socket.open(server.port)
            await socket.until("ready")
            self._take(socket)
        await asyncio.sleep(SETTLES_S)

    async def completed(self, count: int) -> None:
        """Wait until so many events have reached every socket."""
        while self.complete < count:
            self._wanted = count
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake

    def leave(self) -> None:
        for socket in self.sockets:
            socket.close()

    def _take(self, socket: Socket) -> None:
        socket.on_frame = self._on_frame
        self.sockets.append(socket)

    def _on_frame(self, frame: bytes) -> None:
        at = frame.find(b'"seq":') + 6
        if at < 6:
            return
        seq = int(frame[at : frame.index(b",", at)])
        self.deliveries += 1
        if self.arrivals is not None:
            self.arrivals.append((seq, time.perf_counter()))
        have = self._have[seq] + 1
        self._have[seq] = have
        if have == SOCKETS:
            self.complete += 1
            if self._wake is not None and self.complete >= self._wanted:
                self._wake.set_result(None)
                self._wake = None
