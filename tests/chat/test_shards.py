"""A bus of two shards, of which one freezes: who is at the other does not notice."""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest
from channels.layers import get_channel_layer
from pytest_django import Settings

from accounts.models import User
from chat.connection import census
from chat.database import in_database
from chat.delivery import bell, bus, hub, log
from chat.delivery.layer import BusLayer
from chat.models import Thread
from chat.protocol.events import AgentThinking, NewEvent
from chat.protocol.frames import Services
from netra.buses import shards_of
from tests.chat.sockets import Socket, session_of, until, web_process
from tests.chat.test_census import OwnBus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture
def two(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[list[OwnBus]]:
    """Two Valkeys of our own, which share the doorbells."""
    made = [OwnBus(tmp_path_factory.mktemp(f"shard{number}")) for number in range(2)]
    settings.BUS = shards_of(tuple(one.engine.url for one in made))
    config = {"hosts": [shard.layer_host for shard in settings.BUS], "prefix": "netra"}
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "chat.delivery.layer.BusLayer", "CONFIG": config}
    }
    yield made
    for one in made:
        one.stop()


async def thread_on(user: User, shard: int) -> Thread:
    """A thread whose doorbells that shard carries."""
    layer = get_channel_layer()
    assert isinstance(layer, BusLayer)
    while True:
        thread = await in_database(Thread.objects.create, user=user)
        if layer.shard_of(bell.thread_group(thread.public_id)) == shard:
            return thread


async def takes_s(socket: Socket, thread: Thread) -> float:
    """How long an event of a thread is under way."""
    began = time.monotonic()
    events = [NewEvent(data=AgentThinking(text="hm"))]
    stored = await in_database(
        log.append, thread=thread.pk, thread_id=thread.public_id, events=events
    )
    while True:
        frame = await socket.frame("events")
        seqs = [event["seq"] for event in frame["events"]]
        if frame["thread_id"] == thread.public_id and stored[-1].seq in seqs:
            return time.monotonic() - began


async def test_a_shard_that_freezes_is_healed_by_the_log_and_delays_no_other(
    two: list[OwnBus], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "SILENCE_S", 2.0)
    socket = Socket(await in_database(session_of, user))
    async with web_process():
        await socket.open()
        ready = await socket.frame("ready")
        near, far = [await thread_on(user, shard) for shard in range(2)]
        for thread in (near, far):
            await socket.send(type="subscribe", thread_id=thread.public_id, after_seq=0)
            await takes_s(socket, thread)
        two[1].process.send_signal(signal.SIGSTOP)
        assert max([await takes_s(socket, near) for _ in range(5)]) < 0.5
        assert await takes_s(socket, far) < hub.SWEEP_EVERY_S
        assert max([await takes_s(socket, near) for _ in range(5)]) < 0.5
        # To nobody is it told, since nobody misses anything.
        assert hub.current().services == Services(**ready["services"])
        two[1].process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(10):
            while await takes_s(socket, far) > 0.5:
                continue
        await socket.leave()


async def test_connections_are_found_on_whichever_shard_they_are(
    two: list[OwnBus], user: User
) -> None:
    socket = Socket(await in_database(session_of, user))
    async with web_process():
        await socket.open()
        connection_id = (await socket.frame("welcome"))["connection_id"]
        await until(lambda: census.find(connection_id) is not None)
        assert [row.connection_id for row in census.read().rows] == [connection_id]
        await socket.leave()
