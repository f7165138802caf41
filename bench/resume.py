"""How soon a client that was away has what it missed."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.sources import event_of
from bench.table import Row, Wanted, quantile
from bench.wire import Socket
from chat.database import in_database
from chat.delivery import log
from chat.models import Thread

MISSED: Final = 1000
RESUMES: Final = 30
REPEATS: Final = 3
APPENDED_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Resumed:
    """Milliseconds until the last of the missed events is there."""

    from_subscribe_ms: float
    from_connect_ms: float


async def rows() -> list[Row]:
    person = (await in_database(unlimited_people, 1))[0]
    thread = await in_database(written_thread, person)
    repeats = []
    with servers.web("netra") as netra:
        await resumed(netra, person, thread)
        for _ in range(REPEATS):
            repeats.append([await resumed(netra, person, thread) for _ in range(RESUMES)])
    subscribed = [[one.from_subscribe_ms for one in repeat] for repeat in repeats]
    connected = [[one.from_connect_ms for one in repeat] for repeat in repeats]
    name = f"{MISSED:,} missed events resumed, p95"
    return [
        Row(
            name=name, unit="ms", netra=[quantile(times, 0.95) for times in subscribed],
            wanted=(Wanted(bound="most", value=300),),
        ),
        Row(
            name="the same, from a fresh connect", unit="ms",
            netra=[quantile(times, 0.95) for times in connected],
        ),
    ]  # fmt: skip


def written_thread(person: Person) -> Thread:
    """A thread with so many events."""
    thread = person.new_thread()
    events = [event_of(thread)] * APPENDED_AT_ONCE
    for _ in range(MISSED // APPENDED_AT_ONCE):
        with transaction.atomic():
            log.append(thread=thread.pk, thread_id=thread.public_id, events=events)
    return thread


async def resumed(server: Server, person: Person, thread: Thread) -> Resumed:
    """Be away, come back, and have it all."""
    connecting = time.perf_counter()
    async with _ready(server, person) as socket:
        subscribing = time.perf_counter()
        socket.send(type="subscribe", thread_id=thread.public_id, after_seq=0)
        last = b'"seq":%d,' % MISSED
        while last not in await socket.until("events"):
            continue
        there = time.perf_counter()
    return Resumed(
        from_subscribe_ms=1000 * (there - subscribing), from_connect_ms=1000 * (there - connecting)
    )


@asynccontextmanager
async def _ready(server: Server, person: Person) -> AsyncIterator[Socket]:
    socket = await Socket.open(server.port, cookie=person.cookie)
    await socket.until("ready")
    yield socket
    socket.close()
