"""The socket from end to end, on real servers: what is said and refused, and who is shown out."""

import asyncio
import signal

import psycopg
import pytest

from accounts.models import User
from accounts.services import suspend
from chat.database import in_database
from chat.delivery import log
from chat.models import Message, Thread
from chat.protocol.events import AgentThinking, NewEvent
from netra.client import ChatConnection, Closed
from tests.journeys.conftest import Person
from tests.journeys.transcript import (
    EXPORT,
    ask,
    assert_brackets,
    assert_text_is_whole,
    follow,
    stored_text,
)
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]


async def test_an_export_is_answered_with_true_numbers(shared: Servers, visitor: Person) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        welcome = await socket.next()
        ready = await socket.next()
        assert (welcome["type"], ready["type"]) == ("welcome", "ready")
        assert "user" not in welcome
        assert ready["user"]["email"] == visitor.email
        services = ready["services"]
        if not services["runs"]:
            # The web process looks once a second, and the worker has only just come.
            services = (await socket.until("state"))["services"]
        assert services == {"database": True, "bus": True, "runs": True}
        transcript, _run_id = await ask(socket, "Hello")
        ack = next(frame for frame in socket.received if frame["type"] == "ack")
        assert (ack["seq"], ack["duplicate"]) == (1, False)
        await follow(socket, transcript, "agent_completed")
        # Of a thread's first answer a quick worker may have said some before anybody listened.
        transcript, run_id = await ask(socket, EXPORT, transcript)
        completed = await follow(socket, transcript, "agent_completed")
    types = transcript.types(run_id)
    assert completed["data"]["status"] == "completed"
    assert_brackets(types)
    assert types[:3] == ["agent_started", "agent_thinking", "tool_executing"]
    text = assert_text_is_whole(transcript, run_id)
    assert text == await stored_text(run_id)
    # 0.75 + 0.05 + 1.20, of which gpt-4o 1.95: the figures of the export itself.
    assert "2.00" in text
    assert "1.95" in text


async def test_a_foreign_thread_is_answered_like_a_missing_one(
    shared: Servers, visitor: Person, other_visitor: Person
) -> None:
    ada, eve = visitor, other_visitor
    async with ChatConnection.open(shared.base_url, cookie=ada.cookie(shared)) as socket:
        await socket.until("ready")
        await socket.send("hello")
        ack = await socket.until("ack")
    async with ChatConnection.open(shared.base_url, cookie=eve.cookie(shared)) as socket:
        await socket.until("ready")
        answers = []
        for thread_id in (ack["thread_id"], "thread_1_abcdef", "nonsense"):
            await socket.subscribe(thread_id, after_seq=0)
            answers.append(await socket.until("error"))
            await socket.send("mine?", thread_id=thread_id)
            answer = await socket.until("error")
            answer.pop("client_id")
            answers.append(answer)
        await socket.stop(ack["run_id"])
        assert (await socket.until("error"))["code"] == "not_found"
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["code"] == "not_found"


async def test_who_is_not_signed_in_is_told_so_after_the_accept(shared: Servers) -> None:
    async with ChatConnection.open(shared.base_url, cookie="sessionid=nonsense") as socket:
        assert (await socket.next())["type"] == "welcome"
        with pytest.raises(Closed) as closed:
            await socket.next()
    assert closed.value.code == 4501


async def test_a_suspended_user_is_shown_out_though_no_bell_rings(
    shared: Servers, visitor: Person, other_visitor: Person
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")
        # This process rings no bell, as a management command does not.
        await in_database(suspend, user=visitor.user, actor=other_visitor.user, reason="spam")
        with pytest.raises(Closed) as closed:
            await socket.until("never")
    assert closed.value.code == 4530
    async with ChatConnection.open(shared.base_url, cookie="sessionid=gone") as socket:
        with pytest.raises(Closed) as closed:
            await socket.until("never")
    assert closed.value.code == 4501


def write_much(user: User) -> str:
    """A thread whose replay is more than any buffer between server and client holds."""
    thread = Thread.objects.create(user=user)
    long = [NewEvent(data=AgentThinking(text="x" * 20_000)) for _ in range(100)]
    for _ in range(10):
        log.append(thread=thread.pk, thread_id=thread.public_id, events=long)
    return thread.public_id


async def test_a_client_that_reads_nothing_keeps_no_process_from_ending(
    shared: Servers, visitor: Person
) -> None:
    thread_id = await in_database(write_much, visitor.user)
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as deaf:
        await deaf.until("ready")
        await deaf.subscribe(thread_id, after_seq=0)
        async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as other:
            await other.until("ready")
            await other.put(type="ping")
            assert await other.until("pong")
            process = shared.terminate("web")
            assert await other.until("drain")
            with pytest.raises(Closed) as closed:
                await other.until("never")
            assert closed.value.code == 1012
        # uvicorn ends by the very signal, once everything is closed.
        assert await asyncio.to_thread(process.wait, 30) in (0, -signal.SIGTERM)
    shared.start_web()


async def test_a_frozen_database_is_told_and_holds_up_no_ping(
    shared: Servers, visitor: Person
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")
        # A lock that every message needs, held as a stuck migration holds it.
        with psycopg.connect(shared.environment["DATABASE_URL"]) as holder:
            holder.execute("LOCK TABLE chat_message, procrastinate_workers")
            client_id = await socket.send("hello")
            await socket.put(type="ping")
            assert await socket.until("pong")
            state = await socket.until("state")
            assert state["services"]["database"] is False
            refused = await socket.until("error")
            assert (refused["client_id"], refused["code"]) == (client_id, "unavailable")
            assert refused["retry_after_s"] > 0
        # Once it is back the same message is stored once, whoever stored it.
        await socket.until(lambda frame: frame.get("services", {}).get("database") is True)
        await socket.send("hello", client_id=client_id)
        ack = await socket.until("ack")
    stored = await in_database(lambda: Message.objects.filter(client_id=client_id).count())
    assert (ack["client_id"], stored) == (client_id, 1)
