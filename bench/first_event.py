"""How soon after `send` the first event is on the socket, with a real worker answering."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Row, Wanted, quantile
from bench.wire import Socket
from chat.database import in_database

QUESTION: Final = "What is 6 * 7?"
PEOPLE: Final = 50
SENDS_ALONE: Final = 30
REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class FirstEvents:
    """Milliseconds from `send` to its ack, any first event, and the run's `agent_started`."""

    ack: list[float]
    first: list[float]
    started: list[float]


class Asker:
    """One user's socket that sends one message and waits until it is answered."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._sent = 0.0
        self._times: dict[bytes, float] = {}
        self._answered = asyncio.Event()
        socket.on_frame = self._on_frame

    @staticmethod
    async def enter(server: Server, person: Person) -> "Asker":
        socket = await Socket.open(server.port, cookie=person.cookie)
        await socket.until("ready")
        return Asker(socket)

    async def ask(self, client_id: str, into: FirstEvents) -> None:
        self._times.clear()
        self._answered.clear()
        self._sent = time.perf_counter()
        self._socket.send(type="send", client_id=client_id, thread_id=None, text=QUESTION)
        async with asyncio.timeout(60):
            await self._answered.wait()
        into.ack.append(self._times[b"ack"])
        into.first.append(self._times[b"events"])
        into.started.append(self._times[b"agent_started"])

    def leave(self) -> None:
        self._socket.close()

    def _on_frame(self, frame: bytes) -> None:
        elapsed_ms = 1000 * (time.perf_counter() - self._sent)
        kind = frame[9 : frame.index(b'"', 9)]
        self._times.setdefault(kind, elapsed_ms)
        if kind == b"events" and b'"agent_started"' in frame:
            self._times.setdefault(b"agent_started", elapsed_ms)
        if kind == b"events" and b'"agent_completed"' in frame:
            self._answered.set()


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, PEOPLE)
    with servers.web("netra") as netra, servers.worker(netra):
        by_one = [await alone(netra, crowd[0], tag=str(n)) for n in range(REPEATS)]
        by_all = [await at_once(netra, crowd, tag=str(n)) for n in range(REPEATS)]
    found: list[Row] = []
    for name, repeats, share, most in (
        ("one user, p95", by_one, 0.95, 150),
        (f"{PEOPLE} users at once, the slowest", by_all, 1.0, 1000),
    ):
        first = [quantile(one.first, share) for one in repeats]
        started = [quantile(one.started, share) for one in repeats]
        wanted = (Wanted(bound="most", value=most),)
        found += [
            Row(name=f"first event, {name}", unit="ms", netra=first, wanted=wanted),
            Row(name=f"`agent_started`, {name}", unit="ms", netra=started),
        ]
    return found


async def alone(server: Server, person: Person, *, tag: str) -> FirstEvents:
    """One user, one message after the other."""
    found = FirstEvents([], [], [])
    asker = await Asker.enter(server, person)
    for number in range(SENDS_ALONE):
        await asker.ask(f"alone-{tag}-{number}", found)
    asker.leave()
    return found


async def at_once(server: Server, people: Sequence[Person], *, tag: str) -> FirstEvents:
    """All users send in the same moment, and are answered."""
    found = FirstEvents([], [], [])
    askers = [await Asker.enter(server, person) for person in people]
    await asyncio.gather(*(asker.ask(f"at-once-{tag}", found) for asker in askers))
    for asker in askers:
        asker.leave()
    return found
