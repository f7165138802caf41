"""The bus goes away under streaming sockets: nothing is lost, nobody is closed, it heals itself."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from billing.models import TierLimit
from chat.database import in_database
from netra.client import ChatConnection
from netra.engines import Valkey, wait_until_ready
from netra.processes import end, spawn
from tests.fakes.openai_server import FakeOpenAI, Say
from tests.journeys.conftest import Person
from tests.journeys.transcript import Frame, Transcript, ask, assert_brackets, assert_text_is_whole
from tests.servers import Servers

pytestmark = pytest.mark.asyncio

# Text that streams comes many times a second; what is read from checkpoints, every half second.
LIVE_GAP_S: Final = 0.25
PIECE_EVERY_S: Final = 0.05
SOCKETS_EACH: Final = 5
# One second is what it takes on an idle machine; the suite may run on a busy one.
HEALED_WITHIN_S: Final = 10
# What streams before the bus goes, and after it is back.
AROUND_S: Final = 3


class OwnBus:
    """A Valkey that a test may kill and start again."""

    def __init__(self, var: Path) -> None:
        self.engine = Valkey(var)
        self.start()

    def start(self) -> None:
        self.engine.prepare()
        self.process = spawn(self.engine.program)
        wait_until_ready(self.engine, self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        end(self.process, self.engine.program)


@pytest.fixture
def own_bus(tmp_path: Path) -> Iterator[OwnBus]:
    bus = OwnBus(tmp_path)
    yield bus
    bus.stop()


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


class Reader:
    """One socket on a thread whose answer streams; a hole in what it is sent fails the test."""

    def __init__(self, socket: ChatConnection, transcript: Transcript) -> None:
        self.transcript = transcript
        self.bus_told: list[tuple[float, bool]] = []
        self.deltas_at: list[float] = []
        self._socket = socket

    async def read(self, run_id: str) -> None:
        """Read until the run has ended; a close, or a second of silence too many, is a failure."""
        while "agent_completed" not in self.transcript.types(run_id):
            self._take(await self._socket.next(within_s=60))

    def _take(self, frame: Frame) -> None:
        self.transcript.take(frame)
        now = time.monotonic()
        if frame["type"] == "state":
            is_up = frame["services"]["bus"]
            # Other services have news, too.
            if is_up != (self.bus_told[-1][1] if self.bus_told else True):
                self.bus_told.append((now, is_up))
        if frame["type"] == "delta":
            self.deltas_at.append(now)

    def live_from(self, since: float) -> float:
        """When text first streamed again after `since`; infinite if it never did."""
        pairs = zip(self.deltas_at, self.deltas_at[1:], strict=False)
        return next((a for a, b in pairs if a > since and b - a < LIVE_GAP_S), math.inf)


async def connected(
    stack: AsyncExitStack, servers: Servers, person: Person
) -> list[ChatConnection]:
    cookie = await asyncio.to_thread(person.cookie, servers)
    opened = []
    for _ in range(SOCKETS_EACH):
        opening = ChatConnection.open(servers.base_url, cookie=cookie)
        opened.append(await stack.enter_async_context(opening))
        await opened[-1].until("ready")
    return opened


async def streaming(sockets: list[ChatConnection]) -> tuple[str, list[Reader]]:
    """A run that streams to all sockets of a person."""
    transcript, run_id = await ask(sockets[0], "Tell me a long story.")
    readers = [Reader(sockets[0], transcript)]
    for socket in sockets[1:]:
        await socket.subscribe(transcript.thread_id, after_seq=0)
        readers.append(Reader(socket, Transcript(transcript.thread_id)))
    return run_id, readers


async def outage(bus: OwnBus, *, after_s: float, for_s: float) -> float:
    """Kill the bus for a while; gives the moment from which it was back."""
    await asyncio.sleep(after_s)
    await asyncio.to_thread(bus.kill)
    await asyncio.sleep(for_s)
    await asyncio.to_thread(bus.start)
    return time.monotonic()


async def endure(
    bus: OwnBus, servers: Servers, model: FakeOpenAI, people: list[Person], *, out_s: float
) -> float:
    """Stream to the people's sockets over an outage; gives the seconds until all were live."""
    pieces = int((out_s + 2 * AROUND_S) / PIECE_EVERY_S)
    story = Say("so 🜂 " * pieces, pause_s=PIECE_EVERY_S)
    model.will(*(story for _ in people))
    await in_database(TierLimit.objects.update, value=None)
    await asyncio.to_thread(
        servers.start,
        REDIS_URL=bus.engine.url,
        NETRA_MODEL_URL=model.url,
        NETRA_MODEL_NAME="storyteller",
    )
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        sockets = [await connected(stack, servers, person) for person in people]
        followed = await asyncio.gather(*(streaming(own) for own in sockets))
        outing = group.create_task(outage(bus, after_s=AROUND_S / 2, for_s=out_s))
        for run_id, readers in followed:
            for reader in readers:
                group.create_task(reader.read(run_id))
    back_at = outing.result()
    everybody = [(run_id, reader) for run_id, readers in followed for reader in readers]
    for run_id, reader in everybody:
        assert [up for _, up in reader.bus_told] == [False, True]
        assert [event["seq"] for event in reader.transcript.events] == list(
            range(1, reader.transcript.last + 1)
        )
        assert_brackets(reader.transcript.types(run_id))
        assert_text_is_whole(reader.transcript, run_id, streamed=False)
    told_s = max(reader.bus_told[-1][0] for _, reader in everybody) - back_at
    live_s = max(reader.live_from(back_at) for _, reader in everybody) - back_at
    print(f"{len(everybody)} sockets: told after {told_s:.2f} s, live after {live_s:.2f} s")
    return max(told_s, live_s)


@pytest.mark.chaos
async def test_a_bus_that_is_away_for_a_while_is_missed_by_nobody(
    own_bus: OwnBus, servers: Servers, model: FakeOpenAI, make_person: Callable[[str], Person]
) -> None:
    people = await in_database(lambda: [make_person(f"person{number}") for number in range(2)])
    assert await endure(own_bus, servers, model, people, out_s=5) < HEALED_WITHIN_S


@pytest.mark.chaos
async def test_ten_seconds_without_a_bus_heal_within_one(
    own_bus: OwnBus, servers: Servers, model: FakeOpenAI, make_person: Callable[[str], Person]
) -> None:
    people = await in_database(lambda: [make_person(f"person{number}") for number in range(10)])
    assert await endure(own_bus, servers, model, people, out_s=10) <= 1
