"""`manage.py drain`: everybody is sent to another process, until told otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import pytest
from django.core.management import CommandError, call_command

from chat.database import in_database
from chat.models import Node
from netra.client import ChatConnection, Closed
from tests.journeys.conftest import UNHURRIED, Person
from tests.servers import Servers, wait_until

pytestmark = pytest.mark.asyncio
# No process that another journey killed is about: it would be waited for in vain.
VARIABLES = UNHURRIED


def drain(*arguments: str) -> None:
    call_command("drain", *arguments, verbosity=0)


# daphne cannot send 1012.
CODES: Final = {"uvicorn": 1012, "daphne": 4012}


@asynccontextmanager
async def beside(servers: Servers, server: str) -> AsyncIterator[Servers]:
    """Another web process before the same worker."""
    other = Servers(servers.environment | {"NETRA_SERVER": server})
    try:
        await asyncio.to_thread(other.start_web)
        yield other
    finally:
        other.stop()


async def expect_drain(opened: ChatConnection, code: int) -> None:
    assert (await opened.until("drain"))["reconnect_after_ms"] >= 0
    await expect_closed(opened, code)


async def expect_closed(opened: ChatConnection, code: int) -> None:
    with pytest.raises(Closed) as closed:
        await opened.until("ready")
    assert closed.value.code == code


@pytest.mark.django_db
async def test_a_drained_process_sends_everybody_away_until_told_otherwise(
    shared: Servers, visitor: Person
) -> None:
    cookie = await asyncio.to_thread(visitor.cookie, shared)
    async with AsyncExitStack() as stack, beside(shared, "daphne") as daphne:
        webs = ((shared, CODES["uvicorn"]), (daphne, CODES["daphne"]))

        async def open_at(servers: Servers) -> ChatConnection:
            opening = ChatConnection.open(servers.base_url, cookie=cookie)
            return await stack.enter_async_context(opening)

        expected = []
        for servers, code in webs:
            opened = await open_at(servers)
            await opened.until("ready")
            expected.append(expect_drain(opened, code))
        await asyncio.gather(in_database(drain, "--within", "20"), *expected)
        for servers, code in webs:
            assert not await asyncio.to_thread(servers.answers, "/health/ready")
            await expect_closed(await open_at(servers), code)
        await in_database(drain, "--cancel")
        for servers, _code in webs:
            await asyncio.to_thread(wait_until, partial(servers.answers, "/health/ready"))
            await (await open_at(servers)).until("ready")


@pytest.mark.django_db
async def test_a_process_that_is_not_there_cannot_be_drained(shared: Servers) -> None:
    known = await in_database(Node.objects.count)
    with pytest.raises(CommandError, match="no web process beats under the name nobody"):
        await in_database(drain, "nobody")
    assert await in_database(Node.objects.count) == known
