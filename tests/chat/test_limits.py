"""What a tier allows on the socket: connections, messages a minute, and how a refusal reads."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from billing import services as billing
from billing.models import Reservation, UsageCounter
from billing.tiers import Tier
from chat.connection import places
from chat.consumers import NODE
from chat.database import in_database
from chat.models import Message, Node
from tests.chat.sockets import Socket, session_of, until, web_process
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
async def test_a_process_that_missed_a_beat_leaves_the_question_open(
    user: User, session_key: str
) -> None:
    late = timezone.now() - timedelta(seconds=3)
    await in_database(Node.objects.create, name="late-1-abc", beat_at=late)
    await in_database(hold_for, user, "late-1-abc", count=3)
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
    places.free_the_dead(user)


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
