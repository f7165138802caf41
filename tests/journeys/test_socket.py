"""The socket from end to end, on real servers: an answer is streamed, stored and never lost."""

import asyncio
import signal

import psycopg
import pytest

from accounts.models import User
from accounts.services import suspend
from chat.database import in_database
from chat.delivery import log
from chat.models import Message, Run, Thread
from chat.protocol.events import AgentThinking, NewEvent
from netra.client import ChatConnection, Closed
from tests.journeys.conftest import UNHURRIED, Person
from tests.journeys.transcript import (
    Transcript,
    ask,
    assert_brackets,
    assert_text_is_whole,
    follow,
    follow_text,
)
from tests.servers import Servers

pytestmark = pytest.mark.asyncio

EXPORT = """Where does the money go?

timestamp,model,input_tokens,output_tokens,cost_usd,latency_ms
2026-11-01T10:00:00Z,gpt-4o,1000,500,0.75,900
2026-11-01T11:00:00Z,gpt-4o-mini,2000,100,0.05,300
2026-11-02T10:00:00Z,gpt-4o,3000,900,1.20,1800
"""


async def stored_text(run_id: str) -> str:
    message = await in_database(
        lambda: Message.objects.get(run__public_id=run_id, role="assistant")
    )
    return message.text


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_an_export_is_answered_with_true_numbers(
    server: str, servers: Servers, person: Person
) -> None:
    servers.start(NETRA_SERVER=server, NETRA_ASSISTANT_TOKENS_PER_S="0")
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
        welcome = await socket.next()
        ready = await socket.next()
        assert (welcome["type"], ready["type"]) == ("welcome", "ready")
        assert "user" not in welcome
        assert ready["user"]["email"] == person.email
        assert ready["services"] == {"database": True, "bus": True, "runs": True}
        transcript, run_id = await ask(socket, EXPORT)
        ack = next(frame for frame in socket.received if frame["type"] == "ack")
        assert (ack["seq"], ack["duplicate"]) == (1, False)
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


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_a_second_reader_in_mid_answer_gets_all_of_it(
    server: str, servers: Servers, person: Person
) -> None:
    servers.start(NETRA_SERVER=server, **UNHURRIED)
    cookie = person.cookie(servers)
    async with ChatConnection.open(servers.base_url, cookie=cookie) as first:
        await first.until("ready")
        early, run_id = await ask(first, EXPORT)
        await follow_text(first, early, run_id, 30)
        async with ChatConnection.open(servers.base_url, cookie=cookie) as second:
            await second.until("ready")
            await second.subscribe(early.thread_id, after_seq=None)
            snapshot = await second.until("snapshot")
            assert snapshot["active_run"]["run_id"] == run_id
            late = Transcript(early.thread_id)
            late.take(snapshot)
            await follow(second, late, "agent_completed")
        await follow(first, early, "agent_completed")
    assert assert_text_is_whole(early, run_id) == assert_text_is_whole(late, run_id)
    assert [e["seq"] for e in early.events] == list(range(1, early.last + 1))
    assert late.events == early.events[-len(late.events) :]


async def test_stop_keeps_the_partial_text_and_the_next_message_works(
    servers: Servers, person: Person
) -> None:
    servers.start(**UNHURRIED)
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, EXPORT)
        await follow_text(socket, transcript, run_id, 20)
        await socket.stop(run_id)
        stopped = await follow(socket, transcript, "agent_completed")
        assert stopped["data"]["status"] == "stopped"
        assert_brackets(transcript.types(run_id))
        assert len(assert_text_is_whole(transcript, run_id)) >= 20
        await ask(socket, "What is 6 * 7?", transcript)
        again = await follow(socket, transcript, "agent_completed")
    assert again["data"]["status"] == "completed"
    assert "42" in transcript.texts[again["run_id"]]


async def test_messages_sent_while_a_run_is_active_are_answered_in_order(
    servers: Servers, person: Person
) -> None:
    servers.start(**UNHURRIED)
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, EXPORT)
        for question in ("What is 1 + 1?", "What is 2 + 2?"):
            await ask(socket, question, transcript)
        ended = [await follow(socket, transcript, "agent_completed") for _ in range(3)]
    runs = [event["run_id"] for event in ended]
    assert runs[0] == run_id
    assert [event["data"]["status"] for event in ended] == ["completed"] * 3
    queued = [event for event in transcript.events if event["type"] == "run_queued"]
    assert [event["data"]["position"] for event in queued] == [1, 2]
    assert [event["run_id"] for event in queued] == runs[1:]
    for run_id in runs:
        assert_brackets(transcript.types(run_id))


async def test_a_killed_worker_is_replaced_and_nothing_is_said_twice(
    servers: Servers, person: Person
) -> None:
    servers.start(**UNHURRIED)
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, EXPORT)
        await follow_text(socket, transcript, run_id, 60)
        servers.kill("worker")
        servers.start_worker()
        completed = await follow(socket, transcript, "agent_completed")
    types = transcript.types(run_id)
    assert completed["data"]["status"] == "completed"
    assert_brackets(types)
    assert types.count("run_resumed") == 1
    assert types.count("tool_executing") == 1
    assert_text_is_whole(transcript, run_id)
    run = await in_database(lambda: Run.objects.get(public_id=run_id))
    assert run.attempt == 2


async def test_a_killed_web_process_loses_nothing(servers: Servers, person: Person) -> None:
    servers.start(**UNHURRIED)
    cookie = person.cookie(servers)
    async with ChatConnection.open(servers.base_url, cookie=cookie) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, EXPORT)
        await follow_text(socket, transcript, run_id, 60)
        servers.kill("web")
        with pytest.raises(Closed):
            await follow(socket, transcript, "never")
    servers.start_web()
    async with ChatConnection.open(servers.base_url, cookie=cookie) as socket:
        await socket.until("ready")
        await socket.subscribe(transcript.thread_id, after_seq=transcript.last)
        await follow(socket, transcript, "agent_completed")
    assert_brackets(transcript.types(run_id))
    assert [event["seq"] for event in transcript.events] == list(range(1, transcript.last + 1))
    assert await stored_text(run_id) == assert_text_is_whole(transcript, run_id, streamed=False)


async def test_a_foreign_thread_is_answered_like_a_missing_one(
    servers: Servers, person: Person, other: Person
) -> None:
    ada, eve = person, other
    servers.start(NETRA_ASSISTANT_TOKENS_PER_S="0")
    async with ChatConnection.open(servers.base_url, cookie=ada.cookie(servers)) as socket:
        await socket.until("ready")
        await socket.send("hello")
        ack = await socket.until("ack")
    async with ChatConnection.open(servers.base_url, cookie=eve.cookie(servers)) as socket:
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


async def test_who_is_not_signed_in_is_told_so_after_the_accept(
    servers: Servers,
) -> None:
    servers.start_web()
    async with ChatConnection.open(servers.base_url, cookie="sessionid=nonsense") as socket:
        assert (await socket.next())["type"] == "welcome"
        with pytest.raises(Closed) as closed:
            await socket.next()
    assert closed.value.code == 4501


async def test_a_suspended_user_is_shown_out_though_no_bell_rings(
    servers: Servers, person: Person, other: Person
) -> None:
    servers.start()
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
        await socket.until("ready")
        # This process rings no bell, as a management command does not.
        await in_database(suspend, user=person.user, actor=other.user, reason="spam")
        with pytest.raises(Closed) as closed:
            await socket.until("never")
    assert closed.value.code == 4530
    async with ChatConnection.open(servers.base_url, cookie="sessionid=gone") as socket:
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
    servers: Servers, person: Person
) -> None:
    servers.start_web()
    thread_id = await in_database(write_much, person.user)
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as deaf:
        await deaf.until("ready")
        await deaf.subscribe(thread_id, after_seq=0)
        async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as other:
            await other.until("ready")
            await other.put(type="ping")
            assert await other.until("pong")
            process = servers.terminate("web")
            assert await other.until("drain")
            with pytest.raises(Closed) as closed:
                await other.until("never")
            assert closed.value.code == 1012
        # uvicorn ends by the very signal, once everything is closed.
        assert await asyncio.to_thread(process.wait, 30) in (0, -signal.SIGTERM)


async def test_a_frozen_database_is_told_and_holds_up_no_ping(
    servers: Servers, person: Person
) -> None:
    servers.start()
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
        await socket.until("ready")
        # A lock that every message needs, held as a stuck migration holds it.
        with psycopg.connect(servers.environment["DATABASE_URL"]) as holder:
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
