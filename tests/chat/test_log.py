from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest
import time_machine
from django.db import connection, transaction

from accounts.models import User
from chat.delivery import log
from chat.delivery.log import Fenced
from chat.models import Event, Message, Role, Run, Thread
from chat.protocol.events import AgentThinking, NewEvent, encode_events
from chat.runs.lifecycle import RunState

LEASE = timedelta(seconds=5)
WRITERS = 16


def thoughts(count: int) -> list[NewEvent]:
    return [NewEvent(data=AgentThinking(text=f"thought {n}")) for n in range(count)]


def append(thread: Thread, count: int = 1) -> list[int]:
    stored = log.append(thread=thread.pk, thread_id=thread.public_id, events=thoughts(count))
    return [event.seq for event in stored]


@pytest.fixture
def thread(user: User) -> Thread:
    return Thread.objects.create(user=user)


@pytest.mark.django_db
def test_a_batch_gets_consecutive_seqs_and_is_read_back_in_order(thread: Thread) -> None:
    assert append(thread, 3) == [1, 2, 3]
    assert append(thread) == [4]
    rows = log.events_after(thread=thread.pk, after_seq=1)
    assert [(row.seq, msgspec.json.decode(row.data)["text"]) for row in rows] == [
        (2, "thought 1"), (3, "thought 2"), (4, "thought 0"),
    ]  # fmt: skip
    assert log.thread_events_after(thread_id=thread.public_id, after_seq=1) == rows


@pytest.mark.django_db
def test_a_row_is_read_back_as_it_was_rung(thread: Thread) -> None:
    moments = ("2026-03-01T00:00:00.000999Z", "2026-10-25T01:30:00.9996Z", "2026-12-31T23:59:59Z")
    for moment in moments:
        with time_machine.travel(moment, tick=False):
            rung = log.append(thread=thread.pk, thread_id=thread.public_id, events=thoughts(1))
        assert log.events_after(thread=thread.pk, after_seq=rung[0].seq - 1) == rung


@pytest.mark.django_db
def test_one_read_is_bounded_by_events_and_by_bytes(
    thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(thread, 5)
    monkeypatch.setattr(log, "READ_EVENTS_MAX", 2)
    assert [row.seq for row in log.events_after(thread=thread.pk, after_seq=1)] == [2, 3]
    monkeypatch.setattr(log, "READ_BYTES_MAX", 1)
    assert [row.seq for row in log.events_after(thread=thread.pk, after_seq=1)] == [2]
    assert log.events_after(thread=thread.pk, after_seq=5) == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_rolled_back_leaves_no_gap(thread: Thread) -> None:
    append(thread)
    with transaction.atomic():
        append(thread, 2)
        transaction.set_rollback(True)
    assert append(thread) == [2]


@pytest.mark.django_db(transaction=True)
def test_sixteen_writers_leave_no_gap_and_no_duplicate(thread: Thread) -> None:
    def write(_: int) -> list[int]:
        try:
            return append(thread, 3)
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        batches = list(pool.map(write, range(WRITERS * 4)))
    assert all(batch == list(range(batch[0], batch[0] + 3)) for batch in batches)
    seqs = Event.objects.filter(thread=thread).order_by("seq").values_list("seq", flat=True)
    assert list(seqs) == list(range(1, WRITERS * 4 * 3 + 1))


@pytest.mark.django_db
def test_only_the_attempt_that_holds_the_run_may_append(thread: Thread, user: User) -> None:
    question = Message.objects.create(thread=thread, user=user, role=Role.USER, text="?", seq=1)
    run = Run.objects.create(
        thread=thread, user=user, question=question, state=RunState.RUNNING, attempt=2
    )

    def write(attempt: int) -> int:
        stored = log.append_fenced(
            run=run.pk,
            attempt=attempt,
            thread_id=thread.public_id,
            partial_text="so far",
            lease=LEASE,
            events=thoughts(2),
        )
        return len(stored)

    with pytest.raises(Fenced):
        write(1)
    assert write(2) == 2
    run.refresh_from_db()
    assert (run.partial_text, run.lease_until is not None) == ("so far", True)
    Run.objects.filter(pk=run.pk).update(state=RunState.STOPPED, ended_at=run.created_at)
    with pytest.raises(Fenced):
        write(2)
    assert Thread.objects.get(pk=thread.pk).head == 2


@pytest.mark.django_db
def test_the_frame_of_a_batch_has_the_fields_of_the_wire(thread: Thread) -> None:
    stored = log.append(
        thread=thread.pk,
        thread_id=thread.public_id,
        events=[NewEvent(data=AgentThinking(text="a\0b"), run_id="run_1_abcdef", agent_name="N")],
    )
    frame = msgspec.json.decode(encode_events(thread.public_id, stored))
    [event] = frame["events"]
    assert (frame["type"], frame["thread_id"]) == ("events", thread.public_id)
    assert set(event) == {"seq", "type", "run_id", "agent_name", "ts", "data"}
    assert event["data"] == {"text": "a\0b"}
    assert event["ts"].endswith("Z")
    assert len(event["ts"]) == len("2026-11-22T12:00:00.000Z")
