"""A line to the bus that is cut, and one that brings nothing: both are soon made anew."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import pytest
import uvloop
from channels.layers import get_channel_layer
from pytest_django import Settings
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from chat.delivery import bus as bus_module
from chat.delivery.bus import Bus
from chat.delivery.layer import BusLayer, PromptShard
from tests.fakes.bell_proxy import BellProxy

CUTS = 40
GROUPS = 12
# What a connection may follow.
THREADS = 200


def bus_layer() -> BusLayer:
    layer = get_channel_layer()
    assert isinstance(layer, BusLayer)
    return layer


def first_shard(layer: BusLayer) -> PromptShard:
    shard: PromptShard = layer._get_layer()._shards[0]
    return shard


async def seen(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.05)


async def until_heard(layer: BusLayer, channel: str, group: str) -> None:
    """Wait until what is sent to a group arrives at a channel that has joined it."""
    async with asyncio.timeout(10):
        while True:
            try:
                await layer.group_send(group, {"type": "hello", "group": group})
                async with asyncio.timeout(0.2):
                    while (await layer.receive(channel)).get("group") != group:
                        pass
            except (RedisError, TimeoutError):
                continue
            return


async def join_and_leave_while_it_is_cut(chance: random.Random) -> None:
    layer = bus_layer()
    bus = Bus()
    heard: set[str] = set()

    async def listen() -> None:
        channel = await bus._opened
        while True:
            message = await layer.receive(channel)
            if message["type"] == "hello":
                heard.add(message["group"])

    async def cut() -> None:
        for _ in range(CUTS):
            await asyncio.sleep(chance.uniform(0, 0.03))
            line = first_shard(layer)._line
            if line is not None and line.is_connected:
                assert line._writer is not None
                line._writer.transport.abort()

    async def come_and_go(group: str) -> None:
        while not cutting.done():
            await bus.join(group)
            await asyncio.sleep(chance.uniform(0, 0.02))
            await bus.leave(group)
        await bus.join(group)

    listening = asyncio.create_task(listen())
    await bus.beat()
    cutting = asyncio.create_task(cut())
    groups = {f"thread.{number}" for number in range(GROUPS)}
    await asyncio.gather(*(come_and_go(group) for group in groups))
    async with asyncio.timeout(10):
        while heard != groups:
            await bus.beat()
            for group in groups - heard:
                await layer.group_send(group, {"type": "hello", "group": group})
            await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await layer.flush()


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_cut_in_the_middle_what_was_joined_is_heard_again(seed: int) -> None:
    # The web process runs on uvloop, which says of a closed transport what asyncio does not.
    uvloop.run(join_and_leave_while_it_is_cut(random.Random(seed)))


@pytest.mark.asyncio
async def test_a_bus_that_has_forgotten_who_listens_is_connected_to_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bus_module, "DEAF_S", 0.3)
    monkeypatch.setattr(bus_module, "SILENCE_S", 0.2)
    layer = bus_layer()
    bus = Bus()
    listening = asyncio.ensure_future(anext(bus.rings()))
    await bus.beat()
    line = first_shard(layer)._line
    assert line is not None
    await line.send_command("UNSUBSCRIBE")

    async with asyncio.timeout(10):
        await seen(lambda: not bus.is_up)
        while not bus.is_up:
            await bus.beat()
            await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await layer.flush()


@pytest.mark.asyncio
async def test_a_join_that_is_given_up_leaves_a_line_that_hears() -> None:
    layer = bus_layer()
    channel = layer.open_channel()
    shard = first_shard(layer)
    for _ in range(20):
        listening = asyncio.create_task(layer.listen(channel, shard=0))
        await asyncio.sleep(0)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    await layer.listen(channel, shard=0)
    for number in range(20):
        joining = asyncio.create_task(layer.group_add(f"given.up.{number}", channel))
        await asyncio.sleep(0)
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
    await layer.group_add("kept", channel)
    await until_heard(layer, channel, "kept")
    assert shard._line is not None
    await layer.flush()


@pytest.mark.asyncio
async def test_nobody_waits_to_follow_a_thread_while_the_bus_is_away(
    settings: Settings,
) -> None:
    layers = settings.CHANNEL_LAYERS
    async with BellProxy(settings.REDIS_URL) as proxy:
        config = {"hosts": [{"address": proxy.url}]}
        settings.CHANNEL_LAYERS = {"default": layers["default"] | {"CONFIG": config}}
        bus = Bus()
        await bus.beat()
        await bus.join("thread.kept")
        assert bus.is_in("thread.kept")
        assert bus.out_of_reach(["kept"]) == set()
    thread_ids = {str(number) for number in range(THREADS)}
    # One that waited a second for each would take three minutes.
    async with asyncio.timeout(10):
        await seen(lambda: first_shard(bus_layer())._line is None)
        for thread_id in thread_ids:
            await bus.join(f"thread.{thread_id}")
    # Until they are joined, they are looked after like those of a shard that is not heard.
    assert bus.is_up
    assert bus.out_of_reach([*thread_ids, "kept"]) == thread_ids
    await bus_layer().flush()


@pytest.mark.asyncio
async def test_a_cancellation_that_is_swallowed_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by wait_for on Python 3.11, deep in redis-py, when what it waits for ends just then."""
    connected = PromptShard._connected
    entered = asyncio.Event()

    async def swallowing(shard: PromptShard) -> AbstractConnection:
        with suppress(asyncio.CancelledError):
            entered.set()
            await asyncio.sleep(60)
        return await connected(shard)

    layer = bus_layer()
    channel = layer.open_channel()
    listening = asyncio.create_task(layer.listen(channel, shard=0))
    async with asyncio.timeout(10):
        await listening
    monkeypatch.setattr(PromptShard, "_connected", swallowing)
    async with asyncio.timeout(10):
        await layer.renew(0)
        await entered.wait()
        await layer.renew(0)
    entered.clear()
    async with asyncio.timeout(10):
        await entered.wait()
        await layer.flush()
    assert first_shard(layer)._line is None
