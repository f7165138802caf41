"""The asyncio shell of the client, against a server that is played by hand."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from netra.client import ChatClient, Closed, Overtaken, Refused
from tests.fakes.chat_server import ChatServer, Visit, chat_server
from tests.netra.client_world import THREAD, WELCOME, ack, error, event, events, ready, snapshot
from tests.servers import free_port

pytestmark = pytest.mark.asyncio

COOKIE = "sessionid=abc"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server() as running:
        yield running


async def welcomed(server: ChatServer) -> Visit:
    visit = await server.next_visit()
    await visit.say(WELCOME, ready())
    return visit


async def test_a_send_cut_off_in_flight_is_sent_again_with_its_client_id(
    server: ChatServer,
) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        sending = asyncio.create_task(client.send("hello"))
        first = await welcomed(server)
        sent = await first.hear("send")
        await first.close(1012)
        second = await welcomed(server)
        assert await second.hear("send") == sent
        await second.say(ack(sent["client_id"], duplicate=True))
        assert (await sending).duplicate
        assert client.pending == ()


async def test_a_restart_is_followed_at_the_time_the_server_named(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        visit = await welcomed(server)
        await client.wait_for("ready")
        await visit.say({"type": "drain", "reconnect_after_ms": 300})
        began = time.monotonic()
        await visit.close(1012)
        await server.next_visit()
        assert time.monotonic() - began >= 0.3


async def test_a_final_close_ends_whatever_waits(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        visit = await welcomed(server)
        waiting = [
            asyncio.create_task(client.send("hello")),
            asyncio.create_task(client.follow(THREAD)),
            asyncio.create_task(client.stop("run_1_aaaaaa")),
        ]
        await visit.hear("stop")
        await visit.close(4530)
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [end.code for end in ends if isinstance(end, Closed)] == [4530] * 3
        with pytest.raises(Closed):
            await client.send("too late")
        assert client.state == "offline"


async def test_leaving_says_good_bye_and_ends_what_waits(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        visit = await welcomed(server)
        sending = asyncio.create_task(client.send("hello"))
        await visit.hear("send")
    with pytest.raises(Closed):
        await sending
    await asyncio.wait_for(visit.over.wait(), 20)
    assert visit.close_code == 1000
    assert client.state == "disconnected"


async def test_leaving_that_is_cancelled_leaves_nothing_running(server: ChatServer) -> None:
    before = asyncio.all_tasks()
    client = await ChatClient(server.base_url, cookie=COOKIE).__aenter__()
    visit = await welcomed(server)
    await client.wait_for("ready")
    waiting = asyncio.create_task(client.send("hello"))
    leaving = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving, waiting})
    await asyncio.wait_for(visit.over.wait(), 20)
    async with asyncio.timeout(5):
        while any("netra/client" in repr(task) for task in asyncio.all_tasks() - before):
            await asyncio.sleep(0.01)
    assert isinstance(waiting.exception(), Closed)


async def test_a_server_that_is_silent_after_a_wake_is_left_for_a_new_socket(
    server: ChatServer,
) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        visit = await welcomed(server)
        await client.wait_for("ready")
        client.wake()
        await visit.hear("ping")
        began = time.monotonic()
        await server.next_visit()
        assert time.monotonic() - began > 2.5


async def test_why_nothing_connects_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with ChatClient(f"http://127.0.0.1:{free_port()}", cookie=COOKIE) as client:
        for _attempt in range(3):
            await client.wait_for("offline")
            client.wake()
            await asyncio.sleep(0.1)
    [warning] = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert client.state == "disconnected"
    assert "127.0.0.1" in warning
    assert "Connect call failed" in warning


async def test_a_wake_ends_the_wait_for_the_next_attempt(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        visit = await welcomed(server)
        await client.wait_for("ready")
        await visit.say({"type": "drain", "reconnect_after_ms": 600_000})
        await visit.close(1012)
        await client.wait_for("connecting")
        client.wake()
        await welcomed(server)
        await client.wait_for("ready")


async def test_refusals_raise_what_the_server_said(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        visit = await welcomed(server)
        sending = asyncio.create_task(client.send("hello"))
        sent = await visit.hear("send")
        await visit.say(error("verify_email", retryable=True, client_id=sent["client_id"]))
        with pytest.raises(Refused) as refused:
            await sending
        assert (refused.value.code, refused.value.retryable) == ("verify_email", True)


@pytest.mark.parametrize(
    ("text", "code"), [("\ud800", "text_invalid"), ("x" * 70_000, "frame_too_large")]
)
async def test_what_no_server_could_take_is_refused_here(
    server: ChatServer, text: str, code: str
) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        with pytest.raises(Refused, match=code):
            await client.send(text)
        assert client.pending == ()


async def test_what_no_server_could_answer_is_refused_here(server: ChatServer) -> None:
    endless: list[Any] = []
    endless.append(endless)
    async with ChatClient(server.base_url, cookie=COOKIE) as client, asyncio.timeout(10):
        for client_id in ("two words", "x" * 65, "é", "new\nline"):
            with pytest.raises(Refused, match="client_id"):
                await client.send("hello", client_id=client_id)
        for value in (float("nan"), object(), endless, "\ud800", "x" * 70_000):
            with pytest.raises(Refused):
                await client.approve("run_1_x", "call_1", args={"a": value})
        assert client.pending == ()


async def test_events_come_once_each_over_a_repeat_and_a_reconnect(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        following = asyncio.create_task(client.follow(THREAD))
        visit = await welcomed(server)
        await visit.hear("subscribe")
        await visit.say(snapshot(3))
        await following
        got = client.events(THREAD)
        await visit.say(events(event(4)), events(event(4), event(5)))
        assert [(await anext(got)).seq, (await anext(got)).seq] == [4, 5]
        await visit.close(1012)
        visit = await welcomed(server)
        assert (await visit.hear("subscribe"))["after_seq"] == 5
        await visit.say(events(event(5), event(6)))
        assert (await anext(got)).seq == 6


async def test_an_iteration_that_is_too_slow_is_told_so(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE, events_kept=2) as client:
        following = asyncio.create_task(client.follow(THREAD, after_seq=0))
        visit = await welcomed(server)
        await visit.hear("subscribe")
        await visit.say(events(event(1)))
        await following
        got = client.events(THREAD)
        assert (await anext(got)).seq == 1
        await visit.say(events(*(event(seq) for seq in range(2, 6))), {"type": "pong", "heads": {}})
        async with asyncio.timeout(20):
            while client.thread(THREAD).seq != 5:
                await asyncio.sleep(0.01)
        with pytest.raises(Overtaken) as overtaken:
            await anext(got)
        assert overtaken.value.after_seq == 1


async def test_a_thread_that_is_left_ends_its_iterations(server: ChatServer) -> None:
    async with ChatClient(server.base_url, cookie=COOKIE) as client:
        following = asyncio.create_task(client.follow(THREAD))
        visit = await welcomed(server)
        await visit.hear("subscribe")
        await visit.say(snapshot(3))
        await following
        waiting = asyncio.ensure_future(anext(client.events(THREAD)))
        await asyncio.sleep(0)
        client.unfollow(THREAD)
        with pytest.raises(KeyError):
            await waiting
        assert (await visit.hear("unsubscribe"))["thread_id"] == THREAD


async def test_an_answer_empties_the_file(server: ChatServer, tmp_path: Path) -> None:
    path = tmp_path / "outbox"
    async with ChatClient(server.base_url, cookie=COOKIE, outbox=path) as client:
        sending = asyncio.create_task(client.send("hello", client_id="c1"))
        visit = await welcomed(server)
        await visit.hear("send")
        # It was stored before it was sent.
        assert '"c1"' in path.read_text()
        await visit.say(ack("c1"))
        await sending
    assert "c1" not in path.read_text()


async def test_a_send_that_cannot_be_stored_is_not_sent(server: ChatServer, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "outbox"
    async with ChatClient(server.base_url, cookie=COOKIE, outbox=path) as client:
        with pytest.raises(FileNotFoundError):
            await client.send("hello")
        assert client.pending == ()
