import asyncio
from collections.abc import Callable

import msgspec
import pytest
from django.db import connection

from accounts.models import User
from chat.connection.state_machine import ConnectionState
from chat.consumers import NODE, OPEN, REGISTRY
from chat.database import in_database
from chat.models import Message
from chat.protocol.frames import FRAME_BYTES_MAX
from tests.chat.sockets import Socket, session_of, web_process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session_key(user: User) -> str:
    return session_of(user)


def count_messages() -> int:
    return Message.objects.count()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": "http://evil.example"}, 4503),
        ({"origin": "http://localhost.evil.example"}, 4503),
        ({"origin": "null"}, 4503),
        ({"origin": ""}, 4503),
        ({"origin": "https://localhost"}, 4503),
        ({"origin": "http://evil.example", "host": "evil.example"}, 4503),
        ({"cookie": ""}, 4501),
        ({"cookie": "sessionid=nonsense"}, 4501),
    ],
)
async def test_a_stranger_is_accepted_and_then_told_why_not(
    session_key: str, changes: dict[str, str], code: int
) -> None:
    async with web_process():
        socket = Socket(session_key, headers=changes)
        await socket.open()
        assert await socket.close_code() == code
        await socket.leave()
    assert not OPEN


@pytest.mark.asyncio
async def test_a_client_that_does_not_speak_the_protocol_is_told_so(session_key: str) -> None:
    async with web_process():
        for subprotocols in ((), ("netra.v2", "chat")):
            socket = Socket(session_key, subprotocols=subprotocols)
            await socket.open()
            assert await socket.close_code() == 4500
            await socket.leave()


@pytest.mark.asyncio
async def test_frames_sent_right_after_the_accept_are_answered_once_after_ready_in_order(
    session_key: str,
) -> None:
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        for number in range(20):
            await socket.send(type="send", client_id=f"c{number}", text=f"question {number}")
        assert await socket.frame("ready")
        acks = [await socket.frame("ack") for _ in range(20)]
        assert [ack["client_id"] for ack in acks] == [f"c{number}" for number in range(20)]
        await socket.leave()
    assert await asyncio.to_thread(count_messages) == 20


def beat_as_a_worker() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")


def forget_workers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")


@pytest.mark.asyncio
async def test_a_run_engine_that_comes_and_goes_is_told_and_costs_no_answer(
    session_key: str,
) -> None:
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        assert (await socket.frame("ready"))["services"]["runs"] is False
        for is_there, change in ((True, beat_as_a_worker), (False, forget_workers)):
            [machine] = REGISTRY.operational()
            assert (machine.state is ConnectionState.DEGRADED) is is_there
            await socket.send(type="send", client_id=f"c{is_there}", text="hello")
            ack = await socket.frame("ack")
            await socket.send(type="subscribe", thread_id=ack["thread_id"], after_seq=None)
            assert await socket.frame("snapshot")
            await in_database(change)
            services = (await socket.frame("state"))["services"]
            assert services == {"database": True, "bus": True, "runs": is_there}
        await socket.leave()
    assert await asyncio.to_thread(count_messages) == 2


@pytest.mark.asyncio
async def test_ten_connections_ten_ms_apart_all_become_ready(
    make_user: Callable[[], User], transactional_db: None
) -> None:
    keys = await asyncio.to_thread(lambda: [session_of(make_user()) for _ in range(10)])
    async with web_process():
        sockets = []
        for number, key in enumerate(keys):
            socket = Socket(key)
            await socket.open()
            await socket.send(type="send", client_id=f"early{number}", text="hello")
            sockets.append(socket)
            await asyncio.sleep(0.01)
        for number, socket in enumerate(sockets):
            await socket.frame("ready")
            assert (await socket.frame("ack"))["client_id"] == f"early{number}"
        assert REGISTRY.stats().operational == 10
        for socket in sockets:
            await socket.leave()
    assert REGISTRY.stats().total == 0


@pytest.mark.asyncio
async def test_a_hostile_frame_is_answered_and_the_connection_stays(session_key: str) -> None:
    hostile = {
        "{": "invalid_json",
        "[]": "invalid_frame",
        '{"type":"shout"}': "unknown_type",
        '{"type":"ping","x":NaN}': "invalid_json",
        '{"type":"nope","x":' + "[" * 30_000 + "}": "invalid_frame",
        '{"type":"stop","client_id":"x","run_id":"run_1_x"}': "not_found",
        '{"type":"subscribe","thread_id":"../../etc"}': "not_found",
        '{"type":"subscribe","thread_id":"thread_1_abcdef","after_seq":-1}': "invalid_frame",
        '{"type":"ping","x":"' + "x" * FRAME_BYTES_MAX + '"}': "frame_too_large",
    }
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        await socket.frame("ready")
        for text, code in hostile.items():
            await socket.send_text(text)
            assert (await socket.frame("error"))["code"] == code
        await socket.send(type="ping")
        assert await socket.frame("pong") == {"type": "pong", "heads": {}}
        await socket.send_bytes(b"\0")
        assert (await socket.frame("error"))["code"] == "invalid_frame"
        await socket.leave()


@pytest.mark.asyncio
async def test_a_thread_may_be_left_and_its_head_is_in_the_pong(session_key: str) -> None:
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        await socket.send(type="send", client_id="c1", text="hello")
        thread_id = (await socket.frame("ack"))["thread_id"]
        await socket.frame("events")
        await socket.send(type="ping")
        assert (await socket.frame("pong"))["heads"] == {thread_id: 1}
        await socket.send(type="unsubscribe", thread_id=thread_id)
        await socket.send(type="ping")
        assert (await socket.frame("pong"))["heads"] == {}
        await socket.leave()


@pytest.mark.asyncio
async def test_a_drain_tells_when_to_come_back_and_closes_with_1012(session_key: str) -> None:
    async with web_process():
        sockets = [Socket(session_key) for _ in range(3)]
        for socket in sockets:
            await socket.open()
            await socket.frame("ready")
        await NODE.drain(within_s=3)
        waits = [(await socket.frame("drain"))["reconnect_after_ms"] for socket in sockets]
        assert sorted(waits) == [0, 1000, 2000]
        assert [await socket.close_code() for socket in sockets] == [1012] * 3
        late = Socket(session_key)
        await late.open()
        assert await late.close_code() == 1012
        await late.leave()
        NODE.draining = False
        for socket in sockets:
            await socket.leave()


@pytest.mark.asyncio
async def test_a_snapshot_and_a_replay_tell_the_same(session_key: str) -> None:
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        await socket.send(type="send", client_id="c1", text="hello 😀")
        ack = await socket.frame("ack")
        other = Socket(session_key)
        await other.open()
        await other.send(type="subscribe", thread_id=ack["thread_id"], after_seq=None)
        snapshot = await other.frame("snapshot")
        await other.send(type="subscribe", thread_id=ack["thread_id"], after_seq=0)
        replay = await other.frame("events")
        [message] = snapshot["messages"]
        [event] = replay["events"]
        assert (snapshot["seq"], snapshot["more"]) == (1, False)
        assert (message["text"], message["status"], message["run_id"]) == (
            event["data"]["text"], "stored", ack["run_id"],
        )  # fmt: skip
        assert [run["run_id"] for run in snapshot["queued_runs"]] == [ack["run_id"]]
        assert msgspec.json.encode(event["ts"]) == msgspec.json.encode(message["ts"])
        await socket.leave()
        await other.leave()
