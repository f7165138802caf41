"""The rows of live connections: there while a socket is open, and never in its way."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from pytest_django import Settings

from accounts.models import User
from chat.connection import census
from chat.connection.census import ConnectionRow
from chat.consumers import NODE, OPEN
from chat.delivery import hub
from chat.models import Thread
from netra.buses import shards_of
from netra.engines import Valkey, wait_until_ready
from netra.processes import end, spawn
from tests.chat.sockets import Socket, session_of, until, web_process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(user: User) -> str:
    return session_of(user)


def row(connection_id: str) -> ConnectionRow | None:
    found = [one for one in census.read().rows if one.connection_id == connection_id]
    return found[0] if found else None


async def opened(session: str) -> tuple[Socket, str]:
    socket = Socket(session)
    await socket.open()
    welcome = await socket.frame("welcome")
    await socket.frame("ready")
    return socket, welcome["connection_id"]


@pytest.mark.asyncio
async def test_an_open_connection_has_a_row_that_tells_whose_it_is(
    user: User, session: str
) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        [consumer] = OPEN
        await until(lambda: (found := row(connection_id)) is not None and found.email is not None)
        found = await asyncio.to_thread(row, connection_id)
        assert found is not None
        assert (found.user_id, found.email) == (user.public_id, user.email)
        assert found.state == consumer.machine.state.value
        assert (found.threads, found.inbound, found.outbound_chars) == (0, 0, 0)
        assert await asyncio.to_thread(census.find, connection_id) == found
        assert found.since <= found.written_at
        assert found.node == NODE.name
        await socket.leave()


@pytest.fixture
def thread(user: User) -> str:
    return Thread.objects.create(user=user).public_id


@pytest.mark.asyncio
async def test_a_change_is_written_soon_and_a_closed_connection_is_gone_soon(
    thread: str, session: str
) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        await socket.send(type="subscribe", thread_id=thread, after_seq=0)
        await until(lambda: (found := row(connection_id)) is not None and found.threads == 1)
        await socket.leave()
        await until(lambda: row(connection_id) is None)


@pytest.mark.asyncio
async def test_a_process_that_ends_takes_its_rows_with_it(session: str) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        await hub.current().stop()
        assert await asyncio.to_thread(row, connection_id) is None
        await socket.leave()


@pytest.mark.asyncio
async def test_the_rows_of_a_killed_process_die_by_themselves(session: str) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        with redis.Redis.from_url(settings.REDIS_URL) as bus:
            life_s = await asyncio.to_thread(bus.ttl, census.key_of(connection_id))
        assert 0 < life_s <= census.ROW_LIFE_S
        await socket.leave()


@pytest.mark.asyncio
async def test_a_foreign_value_on_the_bus_is_passed_over(session: str) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as bus:
        bus.set(census.key_of("conn_1_foreign"), "{not a row", ex=5)
        bus.zadd(census.INDEX, {"conn_1_foreign": time.time(), "conn_1_nobody": time.time()})
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        await socket.leave()


class OwnBus:
    """A Valkey that a test may stop, freeze and start again."""

    def __init__(self, var: Path) -> None:
        self.engine = Valkey(var)
        self.start()

    def start(self) -> None:
        self.engine.prepare()
        self.process = spawn(self.engine.program)
        wait_until_ready(self.engine, self.process)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        end(self.process, self.engine.program)


@pytest.fixture
def own_bus(tmp_path: Path, settings: Settings) -> Iterator[OwnBus]:
    bus = OwnBus(tmp_path)
    settings.BUS = shards_of((bus.engine.url,))
    yield bus
    bus.stop()


@pytest.mark.asyncio
async def test_a_bus_that_was_away_has_every_row_again(own_bus: OwnBus, session: str) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        await asyncio.to_thread(own_bus.stop)
        assert not (await asyncio.to_thread(census.read)).bus
        await asyncio.sleep(1.5 * census.WRITE_EVERY_S)
        await socket.send(type="ping")
        await socket.frame("pong")
        await asyncio.to_thread(own_bus.start)
        await until(lambda: row(connection_id) is not None)
        await socket.leave()


@pytest.mark.asyncio
async def test_a_frozen_bus_disturbs_no_socket(own_bus: OwnBus, session: str) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        own_bus.process.send_signal(signal.SIGSTOP)
        # The next write hangs until it is given up; answers do not wait for it.
        await asyncio.sleep(census.WRITE_EVERY_S)
        async with asyncio.timeout(4 * census.BUS_TIMEOUT_S):
            for _ in range(5):
                await socket.send(type="ping")
                await socket.frame("pong")
        began = time.monotonic()
        assert not (await asyncio.to_thread(census.read)).bus
        assert time.monotonic() - began < 2 * census.BUS_TIMEOUT_S
        own_bus.process.send_signal(signal.SIGCONT)
        await until(lambda: row(connection_id) is not None)
        await socket.leave()


@pytest.mark.asyncio
async def test_a_queue_that_grows_is_written_soon(session: str) -> None:
    async with web_process():
        socket, connection_id = await opened(session)
        await until(lambda: row(connection_id) is not None)
        [consumer] = OPEN
        many = census.OUTBOUND_STEP_CHARS
        # A client that confirms, and then reads nothing of what it is sent.
        consumer.outbound.confirm(0)
        consumer.outbound.put("x" * many)
        await until(
            lambda: (found := row(connection_id)) is not None and found.unconfirmed_bytes >= many,
            within_s=census.REFRESH_EVERY_S / 2,
        )
        await socket.leave()
