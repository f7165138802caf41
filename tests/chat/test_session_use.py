"""Sockets of sessions that nobody uses close, and those by which staff look change nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts import impersonation
from accounts import services as accounts
from accounts.models import IMPERSONATION_MAX, Impersonation, SessionRecord, User
from chat.connection.exchange import is_by_hand
from chat.database import in_database
from chat.delivery import hub
from chat.models import Message
from chat.protocol.codes import CloseCode
from chat.protocol.frames import (
    AnyClientFrame,
    Ping,
    Seen,
    Send,
    Stop,
    Subscribe,
    Typing,
    Unsubscribe,
)
from chat.services import Outgoing, post_message
from tests.chat.sockets import Socket, session_of, until, web_process

THREAD = "thread_1_abcdef"
# What SPEC allows between the act and the closed socket.
CLOSED_WITHIN_S = 2.0
BY_HAND: dict[AnyClientFrame, bool] = {
    Send(client_id="c", text="t"): True,
    Stop(client_id="c", run_id="run_1_abcdef"): True,
    Typing(thread_id=THREAD): True,
    Unsubscribe(thread_id=THREAD): True,
    Subscribe(thread_id=THREAD): True,
    Subscribe(thread_id=THREAD, after_seq=0): False,
    Ping(): False,
}


async def ready(session: str) -> Socket:
    socket = Socket(session)
    await socket.open()
    await socket.frame("ready")
    return socket


def test_a_page_that_is_merely_open_does_nothing_by_hand() -> None:
    assert {frame: is_by_hand(frame) for frame in BY_HAND} == BY_HAND
    assert not is_by_hand(Seen(heads={}, bytes=0))


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_the_sockets_of_an_idle_session_are_closed(user: User) -> None:
    session, busy = await in_database(lambda: (session_of(user), session_of(user)))
    hour = timedelta(hours=1)

    def read() -> dict[str, Any]:
        return dict(SessionRecord.objects.values_list("session_key", "used_at"))

    def grow_old() -> None:
        for record in SessionRecord.objects.all():
            SessionRecord.objects.filter(pk=record.pk).update(used_at=record.used_at - hour)
        SessionRecord.objects.filter(session_key=session).update(idle_at=timezone.now())

    async with web_process():
        idle, worked = await ready(session), await ready(busy)
        await in_database(grow_old)
        before = await in_database(read)
        with time_machine.travel(timezone.now() + timedelta(seconds=90)):
            await worked.send(type="ping")
            await worked.frame("pong")
            assert await in_database(read) == before
            await worked.send(type="typing", thread_id=THREAD)
            await until(lambda: read()[busy] > before[busy] + hour)
        assert await idle.close_code() == CloseCode.NOT_SIGNED_IN
        await worked.send(type="ping")
        await worked.frame("pong")
        for socket in (idle, worked):
            await socket.leave()


def look(user: User, address: str = "staff@example.com") -> tuple[str, str]:
    """The key of a session in which staff look at the user's account, and who they are."""
    staff = User.objects.create_user(address, is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="impersonate_user"))
    client = Client()
    client.force_login(staff)
    impersonation.begin(user=user, actor=staff, session=client.session, reason="asked for help")
    return client.cookies[settings.SESSION_COOKIE_NAME].value, staff.public_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_staff_who_look_read_and_change_nothing(user: User) -> None:
    message = Outgoing(client_id="c1", text="Where is my money?")
    posted = await in_database(post_message, user=user, message=message)
    session, _ = await in_database(look, user)
    async with web_process():
        # A free plan has three places, and staff take none of them.
        looking = [await ready(session) for _ in range(4)]
        socket = looking[0]
        await socket.send(type="subscribe", thread_id=posted.thread_id, after_seq=None)
        snapshot = await socket.frame("snapshot")
        assert [one["text"] for one in snapshot["messages"]] == ["Where is my money?"]
        changes: list[dict[str, Any]] = [
            {"type": "send", "text": "mine", "thread_id": posted.thread_id},
            {"type": "stop", "run_id": posted.run_id},
            {"type": "edit", "message_id": posted.message_id, "text": "mine"},
            {"type": "regenerate", "run_id": posted.run_id},
            {"type": "switch", "run_id": posted.run_id},
            {"type": "advance", "run_id": posted.run_id},
            {"type": "approve", "run_id": posted.run_id, "call_id": "c", "decision": "approve"},
        ]
        for number, change in enumerate(changes):
            await socket.send(client_id=f"x{number}", **change)
            error = await socket.frame("error")
            assert (error["code"], error["client_id"]) == ("read_only", f"x{number}"), change
            assert not error["retryable"]
        await socket.send(type="typing", thread_id=posted.thread_id)
        assert (await socket.frame("error"))["code"] == "read_only"
        for one in looking:
            await one.leave()
    assert await in_database(Message.objects.count) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_staff_who_may_look_no_more_are_shown_out(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "ACCESS_EVERY_S", 0.2)
    looks = await in_database(lambda: [look(user, f"staff{n}@example.com") for n in range(2)])

    def withdraw() -> None:
        suspended, demoted = (User.objects.get(public_id=staff) for _session, staff in looks)
        root = User.objects.create_superuser("root@example.com")
        accounts.suspend(user=suspended, actor=root, reason="left")
        demoted.user_permissions.clear()

    async with web_process():
        sockets = [await ready(session) for session, _staff in looks]
        # Whoever has just joined is looked at anyway, since their access has just changed.
        long_ago = timezone.now() - timedelta(hours=1)
        await in_database(User.objects.update, access_changed_at=long_ago)
        await in_database(withdraw)
        async with asyncio.timeout(CLOSED_WITHIN_S):
            codes = [await socket.close_code() for socket in sockets]
        assert codes == [CloseCode.SUSPENDED, CloseCode.NOT_SIGNED_IN]
        for socket in sockets:
            await socket.leave()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_look_that_is_over_closes_its_sockets_and_none_of_the_users(user: User) -> None:
    hers = await in_database(session_of, user)
    session, _ = await in_database(look, user)

    def run_out() -> None:
        past = timezone.now() - IMPERSONATION_MAX
        Impersonation.objects.update(began_at=past, ends_at=past + IMPERSONATION_MAX)

    async with web_process():
        looking, own = await ready(session), await ready(hers)
        await in_database(run_out)
        async with asyncio.timeout(3):
            assert await looking.close_code() == CloseCode.NOT_SIGNED_IN
        again = await ready(session)
        assert await in_database(impersonation.end_expired) == 1
        await own.send(type="ping")
        await own.frame("pong")
        for socket in (looking, own, again):
            await socket.leave()
