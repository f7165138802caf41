"""Published messages are lost by plan; commands, answers and beats are not."""

import asyncio

import pytest
from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from tests.fakes.bell_proxy import BellFaults, BellProxy

pytestmark = pytest.mark.asyncio

GROUP = "netra__group__test_bell_proxy"
CHANNEL = "netraspecific.test_bell_proxy"
MESSAGES = 50


async def heard(listener: PubSub) -> list[tuple[str, int]]:
    """What arrives until nothing has for a while."""
    got = []
    while message := await listener.get_message(ignore_subscribe_messages=True, timeout=0.5):
        got.append((message["channel"].decode(), int(message["data"])))
    return got


async def published(faults: BellFaults) -> tuple[BellProxy, list[int], list[int]]:
    """What a group and a channel hear of so many messages each."""
    async with (
        BellProxy(settings.REDIS_URL, seed=3) as proxy,
        Redis.from_url(proxy.url) as bus,
        bus.pubsub() as listener,
    ):
        await listener.subscribe(GROUP, CHANNEL)
        while (await listener.get_message(timeout=5) or {}).get("data") != 2:
            await asyncio.sleep(0)
        proxy.faults = faults
        for number in range(MESSAGES):
            await bus.publish(GROUP, str(number))
            await bus.publish(CHANNEL, str(number))
        got = await heard(listener)
    group = [number for name, number in got if name == GROUP]
    channel = [number for name, number in got if name == CHANNEL]
    return proxy, group, channel


async def test_in_calm_everything_is_heard_in_order() -> None:
    _proxy, group, channel = await published(BellFaults())
    assert group == channel == list(range(MESSAGES))


async def test_a_group_hears_less_and_a_channel_everything() -> None:
    proxy, group, channel = await published(BellFaults(drop=0.5))
    assert channel == list(range(MESSAGES))
    assert len(group) == proxy.counts["pass"] == MESSAGES - proxy.counts["drop"]
    assert 0 < len(group) < MESSAGES


async def test_beats_are_lost_where_that_is_asked_for() -> None:
    _proxy, group, channel = await published(BellFaults(drop=1, beats=True))
    assert group == channel == []


async def test_messages_come_twice_and_out_of_order() -> None:
    proxy, group, _channel = await published(BellFaults(repeat=0.5, late=0.3, pause_s_max=0.1))
    assert group != sorted(group)
    assert set(group) == set(range(MESSAGES))
    assert len(group) == MESSAGES + proxy.counts["repeat"]


async def test_commands_pass_whatever_their_answers_look_like() -> None:
    async with (
        BellProxy(settings.REDIS_URL, faults=BellFaults(drop=1)) as proxy,
        Redis.from_url(proxy.url) as bus,
    ):
        await bus.set("test_bell_proxy", b"a\r\nb" * 50_000, ex=10)
        assert await bus.get("test_bell_proxy") == b"a\r\nb" * 50_000
        assert await bus.get("test_bell_proxy_missing") is None
        assert await bus.config_get("maxmemory*")
        assert await bus.mget("test_bell_proxy_missing", "test_bell_proxy_none") == [None, None]
        await bus.delete("test_bell_proxy")


async def test_a_cut_ends_connections_and_new_ones_work() -> None:
    async with BellProxy(settings.REDIS_URL) as proxy, Redis.from_url(proxy.url) as bus:
        assert await bus.ping()
        assert proxy.cut_all() == 1
        async with Redis.from_url(proxy.url) as again:
            assert await again.ping()
