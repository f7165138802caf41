"""The database is away for a while, or everything is killed at once: runs end once, and well."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from chat.database import in_database
from chat.models import Message
from netra.client import ChatClient, sign_in
from tests.chat.run_invariants import Seen, assert_all
from tests.conftest import environment_of_servers
from tests.fakes.database_proxy import DatabaseProxy
from tests.fakes.openai_server import Answer, CallTool, FakeOpenAI, FallSilent, Say
from tests.journeys.conftest import new_person
from tests.journeys.crashes import Scene
from tests.journeys.transcript import EXPORT, assert_brackets, assert_text_is_whole
from tests.netra.test_up import CHILDREN, RunningUp

ENDS_WITHIN_S = 90


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


async def without_database(scene: Scene, database: DatabaseProxy, *, for_s: float) -> None:
    """Take the database away under three runs, one of them in a tool; all come to their end."""
    path = str(scene.path("writing"))
    told: dict[str, list[Answer]] = {
        "streaming": [Say("word " * 60, pause_s=0.1), Say("From the beginning.")],
        "silent": [FallSilent("Half an answer"), Say("From the beginning.")],
        "writing": [CallTool("write_once", {"path": path, "held": "after"}), Say("Written.")],
    }
    for word, answers in told.items():
        await scene.tell(await in_database(new_person, word), word, answers)
    streaming, silent, writing = scene.stories.values()
    await scene.until(lambda: bool(streaming.text and silent.text and writing.lines), "the runs")
    database.leave()
    # In the middle of the outage the tool has its result, which nobody can store.
    await asyncio.sleep(for_s / 2)
    writing.release()
    await asyncio.sleep(for_s / 2)
    database.come_back()
    back_at = time.monotonic()
    # Meanwhile the web process refuses what is asked of it, and says that one may try again.
    while not await asyncio.to_thread(scene.servers.answers, "/health/ready"):
        assert time.monotonic() - back_at < ENDS_WITHIN_S, "the web process does not come back"
    ready_s = time.monotonic() - back_at
    await scene.until(partial(streaming.has, "agent_completed"), "the end of the stream")
    # If it was not begun anew, its model says nothing more: only its user can end it.
    if not silent.has("agent_completed"):
        await silent.say("stop")
    for story in (silent, writing):
        await scene.until(partial(story.has, "agent_completed"), f"the end of {story.word}")
    took_s = time.monotonic() - back_at
    print(f"{for_s:g} s without: ready {ready_s:.1f} s, all ended {took_s:.1f} s after it was back")


async def assert_all_is_well(scene: Scene) -> None:
    assert len(scene.stories["writing"].lines) == 1
    for story in tuple(scene.stories.values()):
        assert_brackets(story.types)
        text = assert_text_is_whole(story.transcript, story.run_id, streamed=False)
        assert text == await in_database(stored, story.run_id)
    again = await scene.tell(await in_database(new_person, "late"), "late", [Say("Here I am.")])
    await scene.until(partial(again.has, "agent_completed"), "an answer afterwards")
    people = [story.person.user for story in scene.stories.values()]
    await in_database(lambda: assert_all(Seen.of(people)))
    assert scene.workers.alive() == 1


def stored(run_id: str) -> str:
    return Message.objects.get(run__public_id=run_id, role="assistant").text


async def endure(fake: FakeOpenAI, folder: Path, *, for_s: float) -> None:
    environment = environment_of_servers()
    async with DatabaseProxy(environment["DATABASE_URL"]) as database:
        environment["DATABASE_URL"] = database.url
        async with Scene.set(environment, fake, folder) as scene:
            await without_database(scene, database, for_s=for_s)
            await assert_all_is_well(scene)


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_database_that_was_away_for_seconds_costs_no_run_its_end(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    await endure(fake, tmp_path, for_s=8)


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_database_that_was_away_for_a_minute_costs_no_run_its_end(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    await endure(fake, tmp_path, for_s=60)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[RunningUp]:
    running = RunningUp(tmp_path / "var")
    try:
        yield running.started()
    finally:
        running.stop(signal.SIGKILL)


def kill_all(up: RunningUp) -> None:
    """PostgreSQL, Valkey, worker and web, all within a millisecond; `up` starts them again."""
    for pid in [up.pid(key) for key in CHILDREN]:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


@pytest.mark.chaos
@pytest.mark.asyncio
async def test_a_run_survives_that_everything_is_killed_at_once(up: RunningUp) -> None:
    demo = json.loads((up.var / "demo.json").read_text())
    base_url = f"http://127.0.0.1:{up.port}"
    cookie = sign_in(base_url, email=demo["email"], password=demo["password"])
    async with ChatClient(base_url, cookie=cookie) as client, asyncio.timeout(ENDS_WITHIN_S):
        ack = await client.send(EXPORT)
        assert ack.run_id is not None
        while len(client.thread(ack.thread_id).text_of(ack.run_id)) < 40:
            await asyncio.sleep(0.02)
        kill_all(up)
        killed_at = time.monotonic()
        async for event in client.events(ack.thread_id):
            if event.type == "agent_completed":
                break
        print(f"ended {time.monotonic() - killed_at:.1f} s after everything was killed")
        assert event.data["status"] == "completed"
        thread = client.thread(ack.thread_id)
        kinds = [event.type for event in thread.events if event.run_id == ack.run_id]
        text = thread.text_of(ack.run_id)
    assert_brackets(kinds)
    assert kinds.count("run_resumed") == 1
    assert facts(up, ack.run_id) == (text, 1, 0)


def facts(up: RunningUp, run_id: str) -> tuple[str, int, int]:
    """The text that was stored, and what was used and is held of the month."""
    with psycopg.connect(up.record().database_url) as session:
        row = session.execute(
            "SELECT text, used, reserved FROM chat_message"
            " JOIN chat_run ON chat_run.id = run_id"
            " JOIN billing_usagecounter AS counter ON counter.user_id = chat_run.user_id"
            " WHERE chat_run.public_id = %s AND role = 'assistant' AND feature = 'runs_month'",
            [run_id],
        ).fetchone()
    assert row is not None
    return str(row[0]), int(row[1]), int(row[2])
