"""The proxy harms what it is told to harm, counts it, and leaves everything else alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage

from tests.fakes.bell_proxy import BellFaults
from tests.fakes.fault_proxy import CALM, FATES, FaultProxy, Faults

pytestmark = pytest.mark.asyncio

FRAMES = 60
# Each length form of RFC 6455, 5.2.
PADDINGS = (0, 1_000, 100_000)


def frame(number: int, kind: str = "events") -> str:
    padding = "é" * PADDINGS[number % len(PADDINGS)]
    return json.dumps({"type": kind, "number": number, "padding": padding}, ensure_ascii=False)


async def tell(socket: ServerConnection) -> None:
    """Welcome, then so many frames of content, then good-bye."""
    await socket.send(frame(-1, "welcome"))
    for number in range(FRAMES):
        await socket.send(frame(number))
    await socket.send(frame(FRAMES, "drain"))
    # What is late must still come.
    await asyncio.sleep(0.3)
    await socket.close(1012, "so long")


async def echo(socket: ServerConnection) -> None:
    async for text in socket:
        await socket.send(text)


async def refuse(socket: ServerConnection) -> None:
    await socket.close(1013)


@asynccontextmanager
async def proxied(speak: Any, faults: Faults = CALM, *, seed: int = 1) -> AsyncIterator[FaultProxy]:
    async def speak_while_it_lasts(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await speak(socket)

    async with serve(speak_while_it_lasts, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with FaultProxy(port, seed=seed, faults=faults) as proxy:
            yield proxy


def through(proxy: FaultProxy) -> connect:
    return connect(f"ws://127.0.0.1:{proxy.port}", compression=None, proxy=None)


async def heard(socket: ClientConnection) -> list[int]:
    """The numbers of the frames that arrive until the close."""
    numbers = []
    with suppress(ConnectionClosedError):
        async for text in socket:
            numbers.append(json.loads(text)["number"])
    return numbers


async def test_in_calm_everything_passes_in_order() -> None:
    async with proxied(tell) as proxy, through(proxy) as socket:
        assert await heard(socket) == list(range(-1, FRAMES + 1))
        assert (socket.close_code, socket.close_reason) == (1012, "so long")
    assert proxy.counts == {"pass": FRAMES}


async def test_only_content_is_lost() -> None:
    async with proxied(tell, Faults(drop=1)) as proxy, through(proxy) as socket:
        assert await heard(socket) == [-1, FRAMES]
    assert proxy.counts == {"drop": FRAMES}


@pytest.mark.parametrize("pause_s_max", [0, 0.05])
async def test_repeated_frames_come_twice_and_late_ones_once(pause_s_max: float) -> None:
    for faults, times in (
        (Faults(repeat=1, pause_s_max=pause_s_max), 2),
        (Faults(late=1, pause_s_max=pause_s_max), 1),
    ):
        async with proxied(tell, faults) as proxy, through(proxy) as socket:
            numbers = await heard(socket)
        content = sorted(number for number in numbers if 0 <= number < FRAMES)
        assert content == sorted(times * list(range(FRAMES)))


async def test_late_frames_are_overtaken() -> None:
    faults = Faults(late=0.5, pause_s_max=0.05)
    async with proxied(tell, faults) as proxy, through(proxy) as socket:
        numbers = await heard(socket)
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(-1, FRAMES + 1))


async def test_a_stalled_frame_keeps_back_what_follows() -> None:
    faults = Faults(stall=1, pause_s_max=0.01)
    async with proxied(tell, faults) as proxy, through(proxy) as socket:
        assert await heard(socket) == list(range(-1, FRAMES + 1))
    assert proxy.counts == {"stall": FRAMES}


async def test_a_cut_ends_the_connection_without_a_close() -> None:
    async with proxied(tell, Faults(cut=0.1)) as proxy, through(proxy) as socket:
        numbers = await heard(socket)
        assert socket.close_code == 1006
    assert numbers == list(range(-1, len(numbers) - 1))
    assert proxy.counts["cut"] == 1


async def test_what_a_client_sends_is_cut_too() -> None:
    async with proxied(echo) as proxy, through(proxy) as socket:
        proxy.faults = Faults(cut=1)
        await socket.send(frame(1, "ping"))
        assert await heard(socket) == []
        assert socket.close_code == 1006


async def test_a_client_has_seen_what_it_was_sent_whatever_became_of_that() -> None:
    heard_of: list[int] = []

    async def listen(socket: ServerConnection) -> None:
        await socket.send(frame(1))
        heard_of.append(json.loads(await socket.recv())["bytes"])

    size = len(frame(1).encode())
    for faults, received in ((CALM, size), (Faults(drop=1), 0), (Faults(repeat=1), 2 * size)):
        async with proxied(listen, faults) as proxy, through(proxy) as socket:
            await asyncio.sleep(0.05)
            await socket.send(json.dumps({"type": "seen", "heads": {"é": 7}, "bytes": received}))
            await socket.wait_closed()
    assert heard_of == [size] * 3


async def test_the_same_seed_does_the_same_harm() -> None:
    harm = Faults(drop=0.3, repeat=0.2, pause_s_max=0)
    heards = []
    for seed in (5, 5, 6):
        async with proxied(tell, harm, seed=seed) as proxy, through(proxy) as socket:
            heards.append(sorted(await heard(socket)))
            assert sum(proxy.counts.values()) == FRAMES
            assert set(proxy.counts) <= {*FATES, "pass"}
    assert heards[0] == heards[1] != heards[2]


async def test_new_connections_go_where_upstream_points() -> None:
    async with proxied(echo) as proxy, proxied(refuse) as other, through(proxy) as first:
        proxy.upstream = other.upstream
        async with through(proxy) as second:
            await second.wait_closed()
            assert second.close_code == 1013
        await first.send(frame(7))
        assert json.loads(await first.recv())["number"] == 7
        assert proxy.cut_all() == 1


async def test_a_frozen_network_says_nothing_until_it_thaws() -> None:
    async with proxied(echo) as proxy, through(proxy) as socket:
        proxy.freeze()
        await socket.send(frame(7))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.05)
        proxy.thaw()
        assert json.loads(await socket.recv())["number"] == 7


async def test_where_nobody_serves_a_connection_ends_at_once() -> None:
    async with proxied(echo) as proxy:
        proxy.upstream = 1
        with pytest.raises((OSError, EOFError, InvalidMessage)):
            await through(proxy)


async def test_plain_http_passes_as_it_is() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with FaultProxy(port, faults=Faults(drop=1)) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await reader.read()).endswith(b"\r\n\r\nhello")
            writer.close()


async def test_what_the_proxy_cannot_carry_is_no_fault_of_the_network() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 100_000)
        await writer.drain()
        writer.close()

    async def connect_to(port: int) -> None:
        async with FaultProxy(port) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            assert await reader.read() == b""
            writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        with pytest.raises(asyncio.LimitOverrunError):
            await connect_to(server.sockets[0].getsockname()[1])


async def test_fates_are_certain_at_most() -> None:
    with pytest.raises(AssertionError):
        Faults(drop=0.7, cut=0.7)
    with pytest.raises(AssertionError):
        BellFaults(drop=0.7, late=0.7)
