"""News of accounts and billing reach the sockets of the user they are about."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from billing import services as billing
from billing.tiers import Tier
from chat import receivers
from chat.database import in_database
from chat.delivery import hub
from chat.protocol.codes import CloseCode
from tests.chat.api_people import token_of
from tests.chat.sockets import Socket, session_of, web_process

# What SPEC allows between the act and the closed socket.
CLOSED_WITHIN_S = 2.0


@pytest.fixture
def session(user: User) -> str:
    return session_of(user)


async def ready(session: str) -> Socket:
    socket = Socket(session)
    await socket.open()
    await socket.frame("ready")
    return socket


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_suspension_closes_all_sockets_of_its_user_and_of_nobody_else(
    make_user: Callable[[], User], user: User, session: str
) -> None:
    operator, other = await in_database(lambda: (make_user(), make_user()))
    others_session = await in_database(session_of, other)
    async with web_process():
        mine, also_mine = await ready(session), await ready(session)
        others = await ready(others_session)
        await in_database(accounts.suspend, user=user, actor=operator, reason="abuse")
        async with asyncio.timeout(CLOSED_WITHIN_S):
            assert await mine.close_code() == CloseCode.SUSPENDED
            assert await also_mine.close_code() == CloseCode.SUSPENDED
        await others.send(type="ping")
        await others.frame("pong")
        for socket in (mine, also_mine, others):
            await socket.leave()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_sign_out_closes_the_sockets_of_that_session_only(user: User, session: str) -> None:
    elsewhere = await in_database(session_of, user)

    def sign_out() -> None:
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = session
        assert client.post("/accounts/logout/").status_code == 302

    async with web_process():
        here, there = await ready(session), await ready(elsewhere)
        await in_database(sign_out)
        async with asyncio.timeout(CLOSED_WITHIN_S):
            assert await here.close_code() == CloseCode.NOT_SIGNED_IN
        await there.send(type="ping")
        await there.frame("pong")
        for socket in (here, there):
            await socket.leave()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_new_password_closes_the_sockets_of_sessions_and_none_of_a_token(
    payer: User,
) -> None:
    sessions = await in_database(lambda: [session_of(payer) for _ in range(2)])
    token = await in_database(token_of, payer)

    def change_password() -> None:
        payer.set_password("Another-horse-8-battery")
        payer.save()

    async with web_process():
        sockets = [await ready(session) for session in sessions]
        program = Socket("", headers={"authorization": f"Bearer {token}", "origin": ""})
        await program.open()
        await program.frame("ready")
        await in_database(change_password)
        async with asyncio.timeout(CLOSED_WITHIN_S):
            codes = [await socket.close_code() for socket in sockets]
        assert codes == [CloseCode.NOT_SIGNED_IN] * 2
        # Whatever was to be closed with them is, by now.
        await asyncio.sleep(0.3)
        await program.send(type="ping")
        await program.frame("pong")
        for socket in (*sockets, program):
            await socket.leave()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_process_whose_clock_is_ahead_notices_a_change_though_no_bell_rings(
    user: User, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "ACCESS_EVERY_S", 0.1)

    def suspend() -> None:
        User.objects.filter(pk=user.pk).update(suspended_at=Now(), access_changed_at=Now())

    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        async with web_process():
            socket = await ready(session)
            # Until the process has looked, after which it looks back for some seconds only.
            await asyncio.sleep(0.3)
            await in_database(suspend)
            async with asyncio.timeout(CLOSED_WITHIN_S):
                assert await socket.close_code() == CloseCode.SUSPENDED
            await socket.leave()


@pytest.mark.django_db
def test_when_access_ended_the_clock_of_the_database_says(user: User) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        accounts.end_access(user=user)
    assert User.objects.filter(pk=user.pk, access_changed_at__gt=Now() - timedelta(minutes=1))


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_grant_is_told_to_the_sockets_of_its_user(user: User, session: str) -> None:
    def grant() -> None:
        billing.grant(
            user=user,
            kind="manual",
            tier=Tier.MID,
            starts_at=timezone.now(),
            ends_at=timezone.now() + timedelta(days=1),
            reason="for this test",
            actor=None,
        )

    async with web_process():
        socket = await ready(session)
        await in_database(grant)
        account = await socket.frame("account")
        assert account["entitlements"]["tier"] == "mid"
        await socket.leave()


@pytest.mark.django_db
def test_the_permission_to_look_at_connections_is_sown_once() -> None:
    receivers.sow_permission(using="default")
    found = Permission.objects.filter(codename=receivers.VIEW_CONNECTIONS)
    assert [str(one) for one in found] == ["Chat | run | Can view live connections"]
