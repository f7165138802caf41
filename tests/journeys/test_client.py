"""The Python client on real servers: what it sends is answered, what it follows is complete."""

import asyncio
from pathlib import Path

import pytest

from chat.database import in_database
from chat.models import Event, Message
from netra.client import ChatClient, Closed, Refused
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

VARIABLES = {"NETRA_ASSISTANT_TOKENS_PER_S": "0"}
QUESTION = "What is 18.5% of 12,480?"


async def text_until_the_end(client: ChatClient, thread_id: str, run_id: str) -> str:
    async for event in client.events(thread_id):
        if event.run_id == run_id and event.type == "agent_completed":
            break
    return client.thread(thread_id).text_of(run_id)


async def stored(thread_id: str) -> tuple[list[int], list[str]]:
    """The seqs of a thread's log and the texts of its messages."""

    def read() -> tuple[list[int], list[str]]:
        log = Event.objects.filter(thread__public_id=thread_id).order_by("seq")
        messages = Message.objects.filter(thread__public_id=thread_id).order_by("seq")
        seqs = list(log.values_list("seq", flat=True))
        return seqs, list(messages.values_list("text", flat=True))

    return await in_database(read)


async def test_a_question_is_answered(shared: Servers, visitor: Person) -> None:
    async with ChatClient(shared.base_url, cookie=visitor.cookie(shared)) as client:
        await client.wait_for("ready")
        ack = await client.send(QUESTION)
        assert ack.run_id is not None
        text = await text_until_the_end(client, ack.thread_id, ack.run_id)
        thread = client.thread(ack.thread_id)
        assert client.account is not None
        assert client.account.tier == "free"
        with pytest.raises(Refused, match="not_found"):
            await client.follow("thread_1_abcdef")
    seqs, texts = await stored(ack.thread_id)
    assert "2308.8" in text
    assert [event.seq for event in thread.events] == seqs
    assert [message.text for message in thread.messages] == texts == [QUESTION, text]


async def test_a_killed_web_process_costs_nothing_that_was_said(
    shared: Servers, visitor: Person, tmp_path: Path
) -> None:
    cookie = visitor.cookie(shared)
    async with ChatClient(shared.base_url, cookie=cookie, outbox=tmp_path / "outbox") as client:
        first = await client.send(QUESTION)
        shared.kill("web")
        sending = asyncio.create_task(client.send("What is 6 * 7?", thread_id=first.thread_id))
        await client.wait_for("connecting", "offline")
        # Not in a thread: what one has started dies with it.
        shared.start_web()
        second = await sending
        assert second.run_id is not None
        assert "42" in await text_until_the_end(client, first.thread_id, second.run_id)
        events = client.thread(first.thread_id).events
        assert client.times_ready == 2
    seqs, _texts = await stored(first.thread_id)
    assert [event.seq for event in events] == seqs


async def test_an_unanswered_send_outlives_the_program(
    shared: Servers, visitor: Person, tmp_path: Path
) -> None:
    cookie = visitor.cookie(shared)
    shared.kill("web")
    async with ChatClient(shared.base_url, cookie=cookie, outbox=tmp_path / "outbox") as client:
        sending = asyncio.create_task(client.send(QUESTION, client_id="of-the-first-life"))
        await client.wait_for("connecting", "offline")
    with pytest.raises(Closed):
        await sending
    shared.start_web()
    async with ChatClient(shared.base_url, cookie=cookie, outbox=tmp_path / "outbox") as client:
        ack = await client.answer_to("of-the-first-life")
        assert client.pending == ()
        again = await client.send(QUESTION, client_id="of-the-first-life")
    assert (ack.duplicate, again.duplicate) == (False, True)
    assert (await stored(ack.thread_id))[1][0] == QUESTION
