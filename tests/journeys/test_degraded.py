"""Database, bus and run engine away, each alone and with others, under one open socket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from billing.models import TierLimit
from chat.database import in_database
from chat.models import Run
from netra.client import ChatConnection, Closed
from tests.fakes.database_proxy import DatabaseProxy
from tests.journeys.conftest import QUICK, Person
from tests.journeys.test_resume_bus import OwnBus
from tests.journeys.transcript import Frame
from tests.servers import Servers

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio]

Up = dict[str, bool]
ALL_UP: Final[Up] = {"database": True, "bus": True, "runs": True}
# A worker is missed after some seconds, and so is a bus.
TOLD_WITHIN_S: Final = 15
# With a database that refuses connections the pool is waited for.
ANSWERED_WITHIN_S: Final = 10
ENDED_WITHIN_S: Final = 60


@dataclass(slots=True)
class Surroundings:
    """What a web process needs, each of which can be away."""

    servers: Servers
    database: DatabaseProxy
    bus: OwnBus
    up: Up = field(default_factory=lambda: dict(ALL_UP))

    async def become(self, wanted: Up) -> None:
        for name, is_up in wanted.items():
            if self.up[name] is not is_up:
                await self._turn(name, is_up=is_up)
        self.up = dict(wanted)

    async def _turn(self, name: str, *, is_up: bool) -> None:
        match name:
            case "database":
                (self.database.come_back if is_up else self.database.leave)()
            case "bus":
                await asyncio.to_thread(self.bus.start if is_up else self.bus.kill)
            case _:
                turn = self.servers.start_worker if is_up else lambda: self.servers.kill("worker")
                await asyncio.to_thread(turn)


@pytest_asyncio.fixture
async def surroundings(
    server_environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[Surroundings]:
    bus = OwnBus(tmp_path)
    async with DatabaseProxy(server_environment["DATABASE_URL"]) as database:
        urls = {"DATABASE_URL": database.url, "REDIS_URL": bus.engine.url}
        servers = Servers(server_environment | QUICK | urls)
        try:
            await asyncio.to_thread(servers.start)
            yield Surroundings(servers, database, bus)
        finally:
            await asyncio.to_thread(servers.stop)
            bus.stop()


def combinations() -> Iterator[Up]:
    """All eight, the worse the later."""
    ways = sorted(product((True, False), repeat=len(ALL_UP)), key=lambda way: way.count(False))
    return (dict(zip(ALL_UP, way, strict=True)) for way in ways)


def truth(up: Up) -> Up:
    """What a web process can know: without a database nobody is seen to work."""
    return up | {"runs": up["runs"] and up["database"]}


async def told(socket: ChatConnection, wanted: Up) -> None:
    services = next(one["services"] for one in reversed(socket.received) if "services" in one)
    async with asyncio.timeout(TOLD_WITHIN_S):
        while services != wanted:
            services = (await socket.until("state"))["services"]


async def answer_to(socket: ChatConnection, client_id: str) -> Frame:
    return await socket.until(
        lambda frame: frame.get("client_id") == client_id, within_s=ANSWERED_WITHIN_S
    )


async def assert_answers(socket: ChatConnection, thread_id: str, up: Up) -> str:
    """Whatever is away each frame has its answer; gives the `client_id` of a message."""
    await socket.put(type="ping")
    assert await socket.until("pong", within_s=1)
    client_id = await socket.send("What is 6 * 7?", thread_id=thread_id)
    answer = await answer_to(socket, client_id)
    assert answer.get("code", "ack") == ("ack" if up["database"] else "unavailable")
    await socket.subscribe(thread_id, after_seq=None)
    wanted = "snapshot" if up["database"] else "error"
    assert await socket.until(wanted, within_s=ANSWERED_WITHIN_S)
    return client_id


async def assert_lets_in(servers: Servers, cookie: str, up: Up) -> None:
    """Who comes now is told the same, or to come back."""
    async with ChatConnection.open(servers.base_url, cookie=cookie) as newcomer:
        if up["database"]:
            assert (await newcomer.until("ready"))["services"] == truth(up)
            return
        with pytest.raises(Closed) as closed:
            await newcomer.until("ready")
        assert closed.value.code in (1013, 4408)


async def test_whatever_is_away_the_socket_says_so_answers_and_comes_back_by_itself(
    surroundings: Surroundings, person: Person
) -> None:
    servers = surroundings.servers
    await in_database(TierLimit.objects.update, value=None)
    cookie = await asyncio.to_thread(person.cookie, servers)
    async with ChatConnection.open(servers.base_url, cookie=cookie) as socket:
        await socket.until("ready")
        await socket.send("Hello")
        thread_id = (await socket.until("ack"))["thread_id"]
        sent = []
        for up in [*combinations(), ALL_UP]:
            await surroundings.become(up)
            await told(socket, truth(up))
            sent.append(await assert_answers(socket, thread_id, up))
            await assert_lets_in(servers, cookie, up)
        # What was refused may be sent again, and is stored once.
        for client_id in sent:
            await socket.send("What is 6 * 7?", thread_id=thread_id, client_id=client_id)
            assert (await answer_to(socket, client_id))["type"] == "ack"
    async with asyncio.timeout(ENDED_WITHIN_S):
        while await in_database(Run.objects.filter(ended_at=None).exists):
            await asyncio.sleep(0.5)
    states = await in_database(lambda: list(Run.objects.values_list("state", flat=True)))
    assert states == ["completed"] * (len(sent) + 1)
