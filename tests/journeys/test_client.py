"""The Python client on real servers: what it sends is answered, what it follows is complete."""

import asyncio
from pathlib import Path

import pytest

from chat import paths
from chat.database import in_database
from chat.models import Event, Message, Run, Thread
from netra.client import Ack, ChatClient, Closed, Refused
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

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


async def run_of(ack: Ack, client: ChatClient) -> str:
    """The run that answers, once it has ended."""
    assert ack.run_id is not None
    await text_until_the_end(client, ack.thread_id, ack.run_id)
    return ack.run_id


def question_of(ack: Ack) -> str:
    assert ack.message_id is not None
    return ack.message_id


def branch_at_rest(thread_id: str) -> tuple[int, list[str]] | None:
    """How far a thread is and its shown messages, once nothing is under way in it."""
    if Run.objects.filter(thread__public_id=thread_id, ended_at=None).exists():
        return None
    thread = Thread.objects.get(public_id=thread_id)
    assert thread.tip_id is not None
    shown: list[str] = []
    for turn in reversed(paths.path_to(thread.tip_id)):
        shown.append(Message.objects.get(pk=turn.question).public_id)
        shown += Message.objects.filter(run=turn.run).values_list("public_id", flat=True)
    return thread.head, shown


async def shown_by(thread_id: str, *clients: ChatClient) -> list[tuple[str, str]]:
    """What the database shows of a thread and so do all clients, as roles and texts."""
    async with asyncio.timeout(30):
        while True:
            at_rest = await in_database(branch_at_rest, thread_id)
            threads = [client.thread(thread_id) for client in clients]
            if at_rest and all(thread.seq == at_rest[0] for thread in threads):
                break
            await asyncio.sleep(0.1)
    first, *others = threads
    assert [one.message_id for one in first.messages] == at_rest[1]
    assert all(other.messages == first.messages for other in others)
    assert all(other.tip == first.tip for other in others)
    return [(message.role, message.text) for message in first.messages]


async def questions_shown_by(thread_id: str, *clients: ChatClient) -> list[str]:
    return [text for role, text in await shown_by(thread_id, *clients) if role == "user"]


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


@pytest.mark.chaos
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


async def test_branches_are_seen_alike_by_all_who_follow(shared: Servers, visitor: Person) -> None:
    cookie = visitor.cookie(shared)
    async with (
        ChatClient(shared.base_url, cookie=cookie) as phone,
        ChatClient(shared.base_url, cookie=cookie) as laptop,
    ):
        first = await phone.send(QUESTION)
        thread_id, first_run = first.thread_id, await run_of(first, phone)
        await laptop.follow(thread_id)
        second_run = await run_of(await phone.send("And 6 * 7?", thread_id=thread_id), phone)
        both = (thread_id, phone, laptop)

        edited = await phone.edit(question_of(first), "What is 2 * 3?")
        edited_run = await run_of(edited, phone)
        assert await questions_shown_by(*both) == ["What is 2 * 3?"]
        versions = (first.message_id, edited.message_id)
        assert laptop.thread(thread_id).messages[0].versions == versions

        again = await laptop.regenerate(edited_run)
        await run_of(again, phone)
        assert await questions_shown_by(*both) == ["What is 2 * 3?"]
        answers = (edited_run, again.run_id)
        assert [one.versions or one.answers for one in phone.thread(thread_id).messages] == [
            versions, answers,
        ]  # fmt: skip

        switched = await laptop.switch(message_id=first.message_id)
        assert switched.run_id == second_run
        assert await questions_shown_by(*both) == [QUESTION, "And 6 * 7?"]
        assert (await phone.switch(run_id=edited_run)).run_id == edited_run
        assert await questions_shown_by(*both) == ["What is 2 * 3?"]
        assert (await phone.switch(run_id=first_run)).run_id == second_run
        assert await questions_shown_by(*both) == [QUESTION, "And 6 * 7?"]
        # All of it is told by the log: nothing had to be asked for again.
        assert phone.thread(thread_id).snapshot_seq is None


async def test_what_waits_is_changed_in_place_and_overtaken(
    shared: Servers, visitor: Person
) -> None:
    cookie = visitor.cookie(shared)
    async with (
        ChatClient(shared.base_url, cookie=cookie) as phone,
        ChatClient(shared.base_url, cookie=cookie) as laptop,
    ):
        first = await phone.send("/demo")
        thread_id = first.thread_id
        async for event in phone.events(thread_id):
            if event.type == "approval_required":
                break
        await laptop.follow(thread_id)
        waiting = await phone.send("What is 6 * 7?", thread_id=thread_id)
        edited = await laptop.edit(question_of(waiting), "What is 6 * 8?")
        assert (edited.message_id, edited.run_id) == (waiting.message_id, waiting.run_id)
        with pytest.raises(Refused, match="not_ended"):
            await laptop.regenerate(waiting.run_id or "")
        await phone.send("What is 6 * 9?", thread_id=thread_id, mode="interrupt")
        shown = await shown_by(thread_id, phone, laptop)
    assert [text for role, text in shown if role == "user"] == [
        "/demo",
        "What is 6 * 9?",
        "What is 6 * 8?",
    ]
    assert ["54" in shown[-3][1], "48" in shown[-1][1]] == [True, True]
    assert phone.thread(thread_id).status_of(first.run_id or "") == "stopped"
