"""What is noted of a message's way, and that noting it is in nobody's way."""

import asyncio
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from chat.database import in_database
from chat.delivery import trace
from chat.models import DeliveryStep
from chat.runs import tasks
from netra.ids import ConnectionID, ThreadID
from tests.chat.sockets import Socket, session_of, web_process

THREAD = str(ThreadID.new())
HERE = str(ConnectionID.new())
THERE = str(ConnectionID.new())


def mine() -> QuerySet[DeliveryStep]:
    """What this module's own thread left behind: another test's last second may be written late."""
    return DeliveryStep.objects.filter(thread_id=THREAD)


def steps() -> list[tuple[str, int, str]]:
    rows = mine().order_by("seq", "at", "id")
    return list(rows.values_list("step", "seq", "connection_id"))


@pytest.mark.django_db
def test_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_each_step_is_written_within_seconds_by_the_process_that_took_it() -> None:
    before = time.time()
    trace.call_node("web-1")
    trace.published(THREAD, (3,))
    trace.sent(THREAD, (3,), HERE)
    trace.seen(THREAD, 5, HERE)
    async with asyncio.timeout(10):
        while len(found := await in_database(steps)) < 3:
            await asyncio.sleep(0.1)
    assert found == [("published", 3, ""), ("sent", 3, HERE), ("acknowledged", 3, HERE)]
    row = await in_database(mine().earliest, "at")
    assert row.node == "web-1"
    assert before <= row.at.timestamp() <= time.time()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_message_leaves_a_trace_from_the_bus_to_the_clients_confirmation(
    user: User,
) -> None:
    session = await in_database(session_of, user)
    async with web_process():
        socket = Socket(session)
        await socket.open()
        connection_id = (await socket.frame("welcome"))["connection_id"]
        await socket.frame("ready")
        await socket.send(type="send", client_id="c-1", text="Hello")
        ack = await socket.frame("ack")
        await socket.frame("events")
        await socket.send(type="seen", heads={ack["thread_id"]: ack["seq"]}, bytes=0)
        expected = [("published", ""), ("sent", connection_id), ("acknowledged", connection_id)]
        found: list[tuple[str, str]] = []
        async with asyncio.timeout(10):
            while len(found) < len(expected):
                rows = DeliveryStep.objects.filter(thread_id=ack["thread_id"], seq=ack["seq"])
                found = await in_database(list, rows.values_list("step", "connection_id"))
                await asyncio.sleep(0.1)
        assert sorted(found) == sorted(expected)
        await socket.leave()


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_head_confirms_what_its_own_connection_was_sent_and_each_message_once() -> None:
    for seqs in ((1,), (4, 6)):
        trace.sent(THREAD, seqs, HERE)
    trace.sent(THREAD, (6,), THERE)
    for head in (0, 5, 5, 9, 9):
        trace.seen(THREAD, head, HERE)
    trace.seen(str(ThreadID.new()), 9, THERE)
    await trace.current().write()
    found = await in_database(steps)
    assert [one for one in found if one[0] == "acknowledged"] == [
        ("acknowledged", seq, HERE) for seq in (1, 4, 6)
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_step_that_is_taken_twice_keeps_its_first_time() -> None:
    trace.sent(THREAD, (1,), HERE)
    await trace.current().write()
    first = await in_database(mine().get)
    trace.sent(THREAD, (1,), HERE)
    await trace.current().write()
    assert (await in_database(mine().get)).at == first.at


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_more_than_is_written_a_second_is_dropped_and_counted() -> None:
    recorder = trace.current()
    for seq in range(1, trace.WAITING_ROWS_MAX + 6):
        trace.published(THREAD, (seq,))
    assert recorder.dropped == 5
    await recorder.write()
    assert len(await in_database(steps)) == trace.WAITING_ROWS_MAX


@pytest.mark.asyncio
async def test_clients_that_never_confirm_are_forgotten_oldest_first() -> None:
    recorder = trace.current()
    recorder.expect(THREAD, (1,), HERE)
    for seq in range(trace.UNCONFIRMED_MAX):
        recorder.expect(THREAD, (seq,), THERE if seq % 2 else f"conn_1_other{seq:06}")
    assert recorder.confirmed(THREAD, 1, HERE) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_database_that_refuses_costs_the_steps_and_nothing_else() -> None:
    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await in_database(rename, "chat_deliverystep", "away")
    recorder = trace.current()
    trace.published(THREAD, (1, 2))
    await recorder.write()
    await in_database(rename, "away", "chat_deliverystep")
    assert recorder.dropped == 2
    trace.published(THREAD, (3,))
    await recorder.write()
    assert await in_database(steps) == [("published", 3, "")]


@pytest.mark.asyncio
async def test_noting_a_step_takes_microseconds() -> None:
    recorder = trace.Recorder(asyncio.get_running_loop())
    began = time.thread_time()
    for seq in range(1_000):
        recorder.note("sent", THREAD, (seq,), HERE)
        recorder.expect(THREAD, (seq,), HERE)
        recorder.confirmed(THREAD, seq, HERE)
    # A tenth of a millisecond each is fifty times what it takes, for a machine that is slow.
    assert time.thread_time() - began < 0.1


@pytest.mark.django_db
def test_steps_older_than_a_week_are_pruned() -> None:
    now = timezone.now()
    for seq, age in enumerate((timedelta(), trace.KEPT_FOR * 0.9, trace.KEPT_FOR * 1.1)):
        DeliveryStep.objects.create(
            thread_id=THREAD, seq=seq, step="published", node="web-1", at=now - age
        )
    assert trace.prune() == 1
    assert [seq for _step, seq, _connection in steps()] == [0, 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_worker_prunes_as_it_keeps_house() -> None:
    long_ago = timezone.now() - trace.KEPT_FOR * 2
    old = DeliveryStep(thread_id=THREAD, seq=1, step="published", node="web-1", at=long_ago)
    await in_database(old.save)
    house = asyncio.create_task(tasks.keep_house())
    async with asyncio.timeout(10):
        while await in_database(mine().exists):
            await asyncio.sleep(0.05)
    house.cancel()
