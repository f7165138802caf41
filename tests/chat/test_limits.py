"""What a tier allows on the socket: connections, messages a minute, and how a refusal reads."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from billing import services as billing
from billing.errors import LimitReached
from billing.models import Reservation, UsageCounter
from billing.tiers import Tier
from chat import consumers
from chat.connection import places
from chat.connection.refusals import limit_refusal
from chat.consumers import NODE
from chat.database import in_database
from chat.models import Message, Node, Thread
from chat.protocol.codes import CloseCode
from tests.chat.sockets import Socket, session_of, until, web_process
from tests.conftest import environment_of_servers
from tests.minutes import begin_within_a_minute

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session_key(user: User) -> str:
    return session_of(user)


async def opened(session_key: str) -> Socket:
    socket = Socket(session_key)
    await socket.open()
    await socket.frame("ready")
    return socket


def places_held(user: User) -> int:
    counter = UsageCounter.objects.filter(user=user, feature=places.FEATURE).first()
    return counter.reserved if counter else 0


@pytest.mark.asyncio
async def test_at_the_limit_of_connections_one_may_come_and_one_above_is_told_so(
    user: User, session_key: str
) -> None:
    async with web_process():
        sockets = [await opened(session_key) for _ in range(3)]
        fourth = Socket(session_key)
        await fourth.open()
        assert await fourth.close_code() == 4529
        await fourth.leave()
        await sockets.pop().leave()
        await until(lambda: places_held(user) == 2)
        sockets.append(await opened(session_key))
        for socket in sockets:
            await socket.leave()
        await until(lambda: places_held(user) == 0)


@pytest.mark.asyncio
async def test_of_twenty_at_once_exactly_three_are_admitted(user: User, session_key: str) -> None:
    async with web_process():
        sockets = [Socket(session_key) for _ in range(20)]
        await asyncio.gather(*(socket.open() for socket in sockets))

        async def fate(socket: Socket) -> int | str:
            while True:
                output = await socket.output()
                if output["type"] == "websocket.close":
                    return int(output["code"])
                if '"type":"ready"' in output["text"]:
                    return "ready"

        fates = await asyncio.gather(*(fate(socket) for socket in sockets))
        assert sorted(map(str, fates)) == ["4529"] * 17 + ["ready"] * 3
        for socket in sockets:
            await socket.leave()


def hold_for(user: User, node: str, *, count: int) -> None:
    for number in range(count):
        key = places.key_of(node, f"conn_1_dead0{number}")
        billing.reserve(user=user, feature=places.FEATURE, amount=1, key=key)


@pytest.mark.asyncio
async def test_what_a_dead_process_held_is_free_at_once(user: User, session_key: str) -> None:
    await in_database(hold_for, user, "gone-1-abc", count=3)
    async with web_process():
        await (await opened(session_key)).leave()


@pytest.mark.asyncio
async def test_a_process_that_may_just_have_died_leaves_the_question_open(
    user: User, session_key: str
) -> None:
    # Its clients are back before it has missed a beat.
    await in_database(Node.objects.create, name="killed-1-abc", beat_at=timezone.now())
    await in_database(hold_for, user, "killed-1-abc", count=3)
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        assert await socket.close_code() == 1013
        await socket.leave()


@pytest.mark.asyncio
async def test_a_process_taken_for_dead_gets_the_places_of_its_sockets_back(
    user: User, session_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.connection.node.RENEW_EVERY_S", 0.3)
    async with web_process():
        sockets = [await opened(session_key) for _ in range(3)]
        await in_database(free_dead_places, user)
        await asyncio.sleep(1)
        assert await in_database(places_held, user) == 3
        for socket in sockets:
            await socket.leave()


def free_dead_places(user: User) -> None:
    """As another process does that has not heard this one for a while."""
    Node.objects.filter(name=NODE.name).update(beat_at=timezone.now() - timedelta(seconds=6))
    places.free_the_dead(user, own="another-1-abc")


@pytest.mark.asyncio
async def test_a_cookie_that_the_database_cannot_read_harms_nobody_else(session_key: str) -> None:
    async with web_process():
        hostile = [Socket('"\\000"') for _ in range(3)]
        sockets = [hostile[0], Socket(session_key), hostile[1], Socket(session_key), hostile[2]]
        await asyncio.gather(*(socket.open() for socket in sockets))
        for socket in hostile:
            assert await socket.close_code() == 4501
        for socket in set(sockets) - set(hostile):
            await socket.frame("ready")
        for socket in sockets:
            await socket.leave()


@pytest.mark.asyncio
async def test_a_set_up_that_takes_too_long_fails_and_leaves_no_place(
    user: User, session_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = consumers.SETUP_LIMIT_S
    assert usual == 5
    monkeypatch.setattr(consumers, "SETUP_LIMIT_S", 0.3)
    async with web_process():
        # A lock that the first question of all needs, held as a stuck migration holds it.
        with psycopg.connect(environment_of_servers()["DATABASE_URL"]) as holder:
            holder.execute("LOCK TABLE django_session")
            socket = Socket(session_key)
            await socket.open()
            [consumer] = consumers.OPEN
            await socket.send(type="send", client_id="c1", text="hello")
            assert await socket.close_code() == CloseCode.SETUP_TIMEOUT
        failed = consumer.machine.history[-1]
        assert (failed.to_state, failed.reason) == ("failed", "set-up took too long")
        await socket.leave()
        monkeypatch.setattr(consumers, "SETUP_LIMIT_S", usual)
        await (await opened(session_key)).leave()
        await until(lambda: places_held(user) == 0)
    assert not await in_database(Message.objects.filter(user=user).exists)


def lapse() -> None:
    Reservation.objects.update(lapses_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.asyncio
async def test_a_renewed_place_lasts_and_a_lost_one_closes_its_connection(
    user: User, session_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.connection.node.RENEW_EVERY_S", 0.2)
    async with web_process():
        sockets = [await opened(session_key) for _ in range(3)]
        await in_database(lapse)
        await asyncio.sleep(1)
        assert await in_database(places_held, user) == 3
        monkeypatch.setattr("chat.connection.node.RENEW_EVERY_S", 2)
        await asyncio.sleep(0.3)
        await in_database(lapse)
        fourth = await opened(session_key)
        codes = await asyncio.wait(
            [asyncio.create_task(socket.close_code()) for socket in sockets],
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert [task.result() for task in codes[0]] == [4529]
        for task in codes[1]:
            task.cancel()
        await fourth.leave()


@pytest.mark.asyncio
async def test_a_minute_s_messages_are_counted_once_each_and_the_next_is_told_when(
    user: User, session_key: str
) -> None:
    begin_within_a_minute(8)
    async with web_process():
        socket = await opened(session_key)
        for number in range(30):
            await socket.send(type="send", client_id=f"c{number}", text="hello")
            await socket.send(type="send", client_id=f"c{number}", text="hello")
            assert not (await socket.frame("ack"))["duplicate"]
            assert (await socket.frame("ack"))["duplicate"]
        await socket.send(type="send", client_id="one-more", text="hello")
        error = await socket.frame("error")
        assert (error["code"], error["retryable"], error["client_id"]) == (
            "limit_reached", True, "one-more",
        )  # fmt: skip
        assert 0 < error["retry_after_s"] <= 60
        await socket.send(type="send", client_id="c0", text="hello")
        assert (await socket.frame("ack"))["duplicate"]
        await socket.leave()
    assert await in_database(Message.objects.filter(user=user).count) == 30
    used = await in_database(UsageCounter.objects.get, user=user, feature="runs_month")
    assert used.used + used.reserved == 30


@pytest.mark.asyncio
async def test_a_connection_follows_two_hundred_threads_and_says_no_to_one_more(
    user: User, session_key: str
) -> None:
    def make_threads() -> list[str]:
        made = Thread.objects.bulk_create(Thread(user=user) for _ in range(201))
        return [thread.public_id for thread in made]

    *threads, one_more = await in_database(make_threads)
    async with web_process():
        socket = await opened(session_key)

        async def answered(kind: str, **frame: object) -> dict[str, object]:
            await socket.send(**frame)
            return await socket.frame(kind)

        for thread_id in (*threads, one_more, threads[0]):
            await socket.send(type="subscribe", thread_id=thread_id, after_seq=0)
        refused = await socket.frame("error")
        assert (refused["code"], refused["retryable"]) == ("too_many", True)
        pong = await answered("pong", type="ping")
        assert pong["heads"] == dict.fromkeys(threads, 0)
        # Stored is stored, though nobody here can follow it.
        assert (await answered("ack", type="send", client_id="c1", text="hello"))["seq"] == 1
        await socket.send(type="unsubscribe", thread_id=threads[0])
        await socket.send(type="subscribe", thread_id=one_more, after_seq=0)
        # A ping overtakes what waits to be answered.
        assert (await answered("error", type="subscribe", thread_id="no"))["code"] == "not_found"
        heads = (await answered("pong", type="ping"))["heads"]
        assert heads == dict.fromkeys((*threads[1:], one_more), 0)
        await socket.leave()


@pytest.mark.django_db(transaction=False)
def test_who_waits_as_long_as_told_finds_the_limit_open() -> None:
    now = timezone.now()
    for wait_ms in range(1, 60_000, 487):
        limit = LimitReached(
            feature="messages_minute",
            limit=30,
            used=30,
            resets_at=now + timedelta(milliseconds=wait_ms),
            required_tier=None,
        )
        with time_machine.travel(now, tick=False):
            told_s = limit_refusal(limit).retry_after_s
        assert told_s is not None
        assert wait_ms <= 1000 * told_s <= wait_ms + 100


@pytest.mark.asyncio
async def test_a_higher_tier_has_more_connections(
    make_user: Callable[[], User], user: User, session_key: str
) -> None:
    await in_database(
        billing.grant,
        user=user,
        kind="subscription",
        tier=Tier.MID,
        starts_at=timezone.now(),
        ends_at=None,
        reason="paid",
        actor=None,
    )
    async with web_process():
        sockets = [await opened(session_key) for _ in range(10)]
        for socket in sockets:
            await socket.leave()
    assert not NODE.draining


def expire(session_key: str) -> None:
    Session.objects.filter(session_key=session_key).update(expire_date=timezone.now())


@pytest.mark.asyncio
async def test_a_session_whose_time_has_come_closes_its_socket_and_no_other(
    user: User, session_key: str
) -> None:
    other_key = await in_database(session_of, user)
    async with web_process():
        socket, other = await opened(session_key), await opened(other_key)
        await in_database(expire, session_key)
        assert await socket.close_code() == 4501
        await other.send(type="ping")
        await other.frame("pong")
        await socket.leave()
        await other.leave()


@pytest.mark.asyncio
async def test_a_page_that_is_loaded_again_finds_its_place(session_key: str) -> None:
    async with web_process():
        sockets = [await opened(session_key) for _ in range(3)]
        for _ in range(10):
            await sockets.pop().leave()
            sockets.append(await opened(session_key))
        for socket in sockets:
            await socket.leave()


def delete_session(session_key: str) -> None:
    Session.objects.filter(session_key=session_key).delete()


@pytest.mark.asyncio
async def test_a_session_that_is_deleted_by_hand_closes_its_socket(session_key: str) -> None:
    async with web_process():
        socket = await opened(session_key)
        await in_database(delete_session, session_key)
        assert await socket.close_code() == 4501
        await socket.leave()
