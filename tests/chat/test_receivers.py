"""News of accounts and billing reach the sockets of the user they are about."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from billing import services as billing
from billing.tiers import Tier
from chat import receivers
from chat.database import in_database
from chat.protocol.codes import CloseCode
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
