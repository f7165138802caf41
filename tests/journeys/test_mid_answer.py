"""In the middle of an answer: others come in, it is stopped, and the processes behind it die."""

import pytest
from django.db import connection

from chat.database import in_database
from chat.models import Run
from netra.client import ChatConnection, Closed
from tests.journeys.conftest import STEADY, Person
from tests.journeys.transcript import (
    EXPORT,
    Transcript,
    ask,
    assert_brackets,
    assert_text_is_whole,
    follow,
    follow_text,
    stored_text,
)
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]

VARIABLES = STEADY


async def test_a_second_reader_in_mid_answer_gets_all_of_it(
    shared: Servers, visitor: Person
) -> None:
    cookie = visitor.cookie(shared)
    async with ChatConnection.open(shared.base_url, cookie=cookie) as first:
        await first.until("ready")
        early, run_id = await ask(first, EXPORT)
        await follow_text(first, early, run_id, 30)
        async with ChatConnection.open(shared.base_url, cookie=cookie) as second:
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
    shared: Servers, visitor: Person
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
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
    shared: Servers, visitor: Person
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
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
    shared: Servers, visitor: Person
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, EXPORT)
        await follow_text(socket, transcript, run_id, 60)
        shared.kill("worker")
        shared.start_worker()
        completed = await follow(socket, transcript, "agent_completed")
    types = transcript.types(run_id)
    assert completed["data"]["status"] == "completed"
    assert_brackets(types)
    assert types.count("run_resumed") == 1
    assert types.count("tool_executing") == 1
    assert_text_is_whole(transcript, run_id)
    run = await in_database(lambda: Run.objects.get(public_id=run_id))
    assert run.attempt == 2


async def test_a_worker_that_was_given_up_comes_back_by_itself(
    shared: Servers, visitor: Person
) -> None:
    # As for one that was frozen for so long that another worker struck it off.
    await in_database(forget_workers)
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, "What is 6 * 7?")
        completed = await follow(socket, transcript, "agent_completed")
    assert completed["data"]["status"] == "completed"
    assert "42" in assert_text_is_whole(transcript, run_id, streamed=False)
    assert shared.all_run()


def forget_workers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")


async def test_a_killed_web_process_loses_nothing(shared: Servers, visitor: Person) -> None:
    cookie = visitor.cookie(shared)
    async with ChatConnection.open(shared.base_url, cookie=cookie) as socket:
        await socket.until("ready")
        transcript, run_id = await ask(socket, EXPORT)
        await follow_text(socket, transcript, run_id, 60)
        shared.kill("web")
        with pytest.raises(Closed):
            await follow(socket, transcript, "never")
    shared.start_web()
    async with ChatConnection.open(shared.base_url, cookie=cookie) as socket:
        await socket.until("ready")
        await socket.subscribe(transcript.thread_id, after_seq=transcript.last)
        await follow(socket, transcript, "agent_completed")
    assert_brackets(transcript.types(run_id))
    assert [event["seq"] for event in transcript.events] == list(range(1, transcript.last + 1))
    assert await stored_text(run_id) == assert_text_is_whole(transcript, run_id, streamed=False)
