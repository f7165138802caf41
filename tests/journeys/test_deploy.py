"""A deploy in the middle of answers: everybody reconnects, nothing is lost, no error is shown."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing import services as billing
from billing.tiers import Tier
from chat.database import in_database
from chat.models import Event, Message, Node, Run
from netra.client import ChatClient, ChatConnection, Closed
from netra.client.thread import Thread
from tests.chat.sockets import session_of
from tests.journeys.conftest import UNHURRIED, Person, new_person
from tests.journeys.transcript import EXPORT
from tests.servers import Servers, wait_until

pytestmark = pytest.mark.asyncio
# No process that another journey killed is about: it would be waited for in vain.
VARIABLES = UNHURRIED

ENDS_WITHIN_S = 120


def cookie_of_a_payer(name: str) -> str:
    person: Person = new_person(name)
    billing.grant(
        user=person.user,
        kind="subscription",
        tier=Tier.MID,
        starts_at=timezone.now(),
        ends_at=None,
        reason="paid",
        actor=None,
    )
    return f"sessionid={session_of(person.user)}"


@dataclass(frozen=True, slots=True)
class Reader:
    """A client that follows one streaming answer."""

    client: ChatClient
    thread_id: str

    @property
    def thread(self) -> Thread:
        return self.client.thread(self.thread_id)

    @property
    def end(self) -> str | None:
        """How the run has ended, if it has."""
        ends = [event for event in self.thread.events if event.type == "agent_completed"]
        return str(ends[0].data["status"]) if ends else None


@asynccontextmanager
async def readers(servers: Servers, *, people: int, each: int) -> AsyncIterator[list[Reader]]:
    """Connected clients, `each` a person, all of whom follow the person's streaming answer."""
    async with AsyncExitStack() as stack:
        made: list[Reader] = []
        for number in range(people):
            cookie = await in_database(cookie_of_a_payer, f"payer{people}-{number}")
            mine = [
                await stack.enter_async_context(ChatClient(servers.base_url, cookie=cookie))
                for _ in range(each)
            ]
            ack = await mine[0].send(EXPORT)
            for client in mine[1:]:
                await client.follow(ack.thread_id, after_seq=0)
            made += [Reader(client, ack.thread_id) for client in mine]
        yield made


def assert_all_of_it(reader: Reader) -> None:
    thread = reader.thread
    log = Event.objects.filter(thread__public_id=reader.thread_id).order_by("seq")
    assert [event.seq for event in thread.events] == list(log.values_list("seq", flat=True))
    run = Run.objects.get(thread__public_id=reader.thread_id)
    stored = Message.objects.get(run=run, role="assistant").text
    assert thread.text_of(run.public_id) == stored
    assert not any("error" in event.data for event in thread.events)


async def deploy(servers: Servers) -> None:
    """New worker beside the old one, then the web process: what a deployment tool does."""
    for name, start in (("worker", servers.start_worker), ("web", servers.start_web)):
        process = servers.terminate(name)
        # uvicorn ends by the signal it was sent, once it has shut down.
        assert await asyncio.to_thread(process.wait, 20) in (0, -signal.SIGTERM)
        await asyncio.to_thread(start)


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


async def deployed_under(servers: Servers, *, people: int, each: int) -> None:
    await asyncio.to_thread(lambda: servers.start(**UNHURRIED))
    async with readers(servers, people=people, each=each) as made:
        assert any(one.end is None for one in made), "nothing streams any more"
        await deploy(servers)
        async with asyncio.timeout(ENDS_WITHIN_S):
            while any(one.end is None for one in made):
                await asyncio.sleep(0.2)
        assert {one.end for one in made} == {"completed"}
        assert min(one.client.times_ready for one in made) >= 2
        for one in made:
            await in_database(assert_all_of_it, one)


# A smaller one, with a page, is among the journeys of the browser's connection.
@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
async def test_a_deploy_under_two_hundred_streaming_sockets_loses_nothing(
    servers: Servers,
) -> None:
    await deployed_under(servers, people=20, each=10)
