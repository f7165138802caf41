"""A tool that waits for its user, on real servers: approved, edited, denied, forgotten, stopped."""

import asyncio
import secrets

import pytest

from netra.client import Ack, ChatClient, Refused
from netra.client.frames import Event
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]


async def demonstrated(client: ChatClient) -> tuple[Ack, str]:
    """A demonstration under way, and its run."""
    ack = await client.send("/demo")
    assert ack.run_id is not None
    return ack, ack.run_id


async def until(client: ChatClient, ack: Ack, kind: str) -> Event:
    async with asyncio.timeout(30):
        async for event in client.events(ack.thread_id):
            if event.type == kind:
                return event
    raise AssertionError(f"no {kind} came")


def kinds(client: ChatClient, ack: Ack) -> list[str]:
    return [event.type for event in client.thread(ack.thread_id).events]


async def test_another_device_approves_with_other_arguments_once(
    shared: Servers, visitor: Person
) -> None:
    cookie = visitor.cookie(shared)
    async with (
        ChatClient(shared.base_url, cookie=cookie) as phone,
        ChatClient(shared.base_url, cookie=cookie) as laptop,
    ):
        ack, run_id = await demonstrated(phone)
        required = await until(phone, ack, "approval_required")
        call_id = required.data["call_id"]
        thread = await laptop.follow(ack.thread_id)
        assert thread.active_run_id == run_id
        edited = required.data["args"] | {"to": f"{secrets.token_hex(3)}@example.com"}
        await laptop.approve(run_id, call_id, args=edited)
        with pytest.raises(Refused, match="already_decided"):
            await phone.deny(run_id, call_id)
        assert (await until(phone, ack, "agent_completed")).data["status"] == "completed"
        executing = [
            event
            for event in phone.thread(ack.thread_id).events
            if event.type == "tool_executing" and event.data["call_id"] == call_id
        ]
        assert [event.data["args"] for event in executing] == [edited]
        found = kinds(phone, ack)
        assert found.count("agent_started") == found.count("agent_completed") == 1
        assert "citation_added" in found
        assert "approved" in phone.thread(ack.thread_id).text_of(run_id)


async def test_a_run_that_waits_can_be_stopped(shared: Servers, visitor: Person) -> None:
    async with ChatClient(shared.base_url, cookie=visitor.cookie(shared)) as client:
        ack, run_id = await demonstrated(client)
        await until(client, ack, "approval_required")
        await client.stop(run_id)
        assert (await until(client, ack, "agent_completed")).data["status"] == "stopped"
        assert kinds(client, ack)[-5:-3] == ["approval_resolved", "tool_completed"]
        again = await client.send("What is 6 * 7?", thread_id=ack.thread_id)
        assert again.run_id != run_id


async def test_what_nobody_decides_is_denied_and_the_run_goes_on(
    shared: Servers, visitor: Person
) -> None:
    async with ChatClient(shared.base_url, cookie=visitor.cookie(shared)) as client:
        ack, run_id = await demonstrated(client)
        resolved = await until(client, ack, "approval_resolved")
        assert resolved.data["decision"] == "expired"
        assert (await until(client, ack, "agent_completed")).data["status"] == "completed"
        assert "not approved" in client.thread(ack.thread_id).text_of(run_id)
