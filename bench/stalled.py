"""What a reader that stops reading costs the server's memory while its thread goes on."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from django.db import transaction

from bench import machine, servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.sources import event_of
from bench.table import Row, Wanted
from bench.wire import Socket
from chat.database import in_database
from chat.delivery import bell, log
from chat.models import Thread

READERS: Final = 10
EVENT_BYTES: Final = 8 * 1024
# To each reader; the bells are not to be dropped for haste.
BYTES_A_SECOND: Final = 1024 * 1024
APPENDED_AT_ONCE: Final = 16
MIB: Final = 1024 * 1024
# More than a client may have unconfirmed that confirms, or never does.
STREAMED_BYTES: Final = {True: 4 * MIB, False: 9 * MIB}


class Reader:
    """One socket on a thread of its own; it confirms what it has read, or never does."""

    def __init__(self, socket: Socket, thread: Thread) -> None:
        self.thread = thread
        self.last = 0
        self._socket = socket
        socket.on_frame = self._on_frame

    @staticmethod
    async def enter(server: Server, person: Person) -> "Reader":
        socket = await Socket.open(server.port, cookie=person.cookie)
        await socket.until("ready")
        reader = Reader(socket, await in_database(person.new_thread))
        socket.send(type="subscribe", thread_id=reader.thread.public_id, after_seq=0)
        return reader

    def confirm(self) -> None:
        heads = {self.thread.public_id: self.last}
        self._socket.send(type="seen", heads=heads, bytes=self._socket.bytes)

    def stop_reading(self) -> None:
        self._socket.stop_reading()

    def leave(self) -> None:
        self._socket.close()

    def _on_frame(self, frame: bytes) -> None:
        at = frame.rfind(b'"seq":') + 6
        if at >= 6:
            self.last = int(frame[at : frame.index(b",", at)])


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, READERS)
    bell.attach()
    with servers.web("netra") as server:
        confirmed = await _cost_mib(server, crowd, confirming=True)
    with servers.web("netra") as server:
        silent = await _cost_mib(server, crowd, confirming=False)
    name = "a reader that stops reading"
    return [
        Row(
            name=f"{name}, after it confirmed", unit="MiB", netra=[confirmed],
            wanted=(Wanted(bound="most", value=2),),
        ),
        Row(
            name=f"{name}, and never confirmed", unit="MiB", netra=[silent],
            wanted=(Wanted(bound="most", value=8),),
        ),
    ]  # fmt: skip


async def _cost_mib(server: Server, crowd: Sequence[Person], *, confirming: bool) -> float:
    """What each reader adds to the server's resident memory by not reading what streams."""
    size = STREAMED_BYTES[confirming]
    # What such a stream takes of the process itself is there already.
    await _read_all(server, crowd, size)
    readers = [await Reader.enter(server, person) for person in crowd]
    before = await _resident_bytes(server)
    for reader in readers:
        if confirming:
            reader.confirm()
        reader.stop_reading()
    await _stream(readers, size, reading=False)
    after = await _resident_bytes(server)
    for reader in readers:
        reader.leave()
    return (after - before) / READERS / MIB


async def _read_all(server: Server, crowd: Sequence[Person], size: int) -> None:
    readers = [await Reader.enter(server, person) for person in crowd]
    await _stream(readers, size, reading=True)
    while any(reader.last < size // EVENT_BYTES for reader in readers):
        await asyncio.sleep(0.1)
    for reader in readers:
        reader.leave()


async def _stream(readers: Sequence[Reader], size: int, *, reading: bool) -> None:
    """Append so many bytes of events to each reader's thread, at their pace."""
    batch = EVENT_BYTES * APPENDED_AT_ONCE
    started = time.perf_counter()
    for number in range(size // batch):
        due = started + number * batch / BYTES_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*(in_database(_append, reader.thread) for reader in readers))
        if reading:
            for reader in readers:
                reader.confirm()


def _append(thread: Thread) -> None:
    event = event_of(thread, size=EVENT_BYTES)
    with transaction.atomic():
        for _ in range(APPENDED_AT_ONCE):
            log.append(thread=thread.pk, thread_id=thread.public_id, events=[event])


async def _resident_bytes(server: Server) -> int:
    await asyncio.to_thread(server.collect_garbage)
    return machine.resident_bytes(server.pid)
