"""The per-thread log: append with a seq given by the database, read after a position."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from chat.delivery import bell
from chat.protocol.events import (
    AgentCompleted,
    MessageCreated,
    NewEvent,
    StoredEvent,
    encode_data,
    encode_events,
    timestamp,
)
from netra import traces

# One read is one frame, which must not hold up a write, nor a client's memory, for long.
READ_EVENTS_MAX: Final = 500
READ_BYTES_MAX: Final = 256 * 1024

# Of a batch, once a `head` of a thread has grown by it.
_INSERT: Final = """
INSERT INTO chat_event (thread_id, seq, type, run_id, agent_name, ts, data)
SELECT head.id, head.head - %(count)s + new.n, new.type, new.run_id, new.agent_name, %(ts)s,
    new.data
FROM head, unnest(%(types)s::text[], %(run_ids)s::text[], %(agents)s::text[], %(data)s::text[])
    WITH ORDINALITY AS new (type, run_id, agent_name, data, n)
RETURNING seq
"""
_APPEND: Final = f"""
WITH head AS (
    UPDATE chat_thread SET head = head + %(count)s, updated_at = %(ts)s,
        answered_seq = CASE WHEN %(answers)s THEN head + %(count)s ELSE answered_seq END
    WHERE id = %(thread)s RETURNING id, head
) {_INSERT}"""  # noqa: S608  constants only
# The run row is taken before the thread row, here as everywhere, so that no two writers deadlock.
_APPEND_FENCED: Final = f"""
WITH fence AS (
    UPDATE chat_run SET partial_text = %(partial)s, lease_until = now() + %(lease)s
    WHERE id = %(run)s AND attempt = %(attempt)s AND state = 'running' RETURNING thread_id
), head AS (
    UPDATE chat_thread SET head = head + %(count)s, updated_at = %(ts)s
    FROM fence WHERE chat_thread.id = fence.thread_id RETURNING chat_thread.id, chat_thread.head
) {_INSERT}"""  # noqa: S608  constants only


# By plain SQL: a window over the next rows, so that the database stops before memory does. The
# first row comes however long it is. The database writes the time as `timestamp` does, which is a
# quarter of what a resume would compute here.
_READ: Final = """
SELECT seq, type, run_id, agent_name,
    to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), data FROM (
    SELECT *, sum(octet_length(data)) OVER (ORDER BY seq) - octet_length(data) AS before FROM (
        SELECT seq, type, run_id, agent_name, ts, data FROM chat_event
        WHERE <thread> AND seq > %(after)s ORDER BY seq LIMIT %(events)s
    ) AS next
) AS bounded WHERE before < %(bytes)s ORDER BY seq
"""


class _Batch:
    """Events that are appended together, and the values of the statement that inserts them."""

    __slots__ = ("_events", "_ts", "values")

    def __init__(self, events: Sequence[NewEvent], ts: datetime) -> None:
        self._events = events
        self._ts = ts
        self.values: dict[str, Any] = {
            "count": len(events),
            "ts": ts,
            "types": [event.data.type for event in events],
            "run_ids": [event.run_id for event in events],
            "agents": [event.agent_name for event in events],
            "data": [encode_data(event.data) for event in events],
        }

    def stored(self, seqs: Sequence[int]) -> list[StoredEvent]:
        """As they are in the log, at these places."""
        ts = timestamp(self._ts)
        return [
            StoredEvent(
                seq=seq,
                type=event.data.type,
                run_id=event.run_id,
                agent_name=event.agent_name,
                ts=ts,
                data=text,
            )
            for seq, event, text in zip(seqs, self._events, self.values["data"], strict=False)
        ]


class Fenced(Exception):
    """The run is no longer this worker's: another attempt has it, or it has ended."""


def append(*, thread: int, thread_id: str, events: Sequence[NewEvent]) -> list[StoredEvent]:
    """Append to the log of the thread with key `thread`, inside the caller's transaction.

    The batch is published once that transaction commits.
    """
    ts = timezone.now()
    keys = {"thread": thread, "answers": any(_answers(event) for event in events)}
    stored = _insert(_APPEND, keys, events, ts)
    publish(thread_id, stored)
    return stored


def append_fenced(
    *,
    run: int,
    attempt: int,
    thread_id: str,
    partial_text: str,
    lease: timedelta,
    events: Sequence[NewEvent],
) -> list[StoredEvent]:
    """Append for one attempt of a run, with the text so far; raises Fenced when it lost the run."""
    ts = timezone.now()
    keys = {"run": run, "attempt": attempt, "partial": partial_text, "lease": lease}
    stored = _insert(_APPEND_FENCED, keys, events, ts)
    if not stored:
        raise Fenced
    publish(thread_id, stored)
    return stored


def publish(thread_id: str, stored: Sequence[StoredEvent]) -> None:
    """Ring the thread's bell with the whole batch, encoded once, after commit."""
    ring = batch(thread_id, stored)
    transaction.on_commit(lambda: bell.ring(ring))


def batch(thread_id: str, stored: Sequence[StoredEvent]) -> bell.ThreadEvents:
    """Consecutive rows as one ring, with the frame that every socket is sent."""
    return bell.ThreadEvents(
        thread_id=thread_id,
        first=stored[0].seq,
        last=stored[-1].seq,
        frame=encode_events(thread_id, stored),
        ends_run=any(event.type == AgentCompleted.type for event in stored),
        messages=messages_in(stored),
        traceparent=traces.traceparent(),
    )


def messages_in(stored: Sequence[StoredEvent]) -> tuple[int, ...]:
    return tuple(event.seq for event in stored if event.type == MessageCreated.type)


def events_after(*, thread: int, after_seq: int) -> list[StoredEvent]:
    """Rows of the thread with key `thread` whose seq is above `after_seq`, oldest first.

    At most READ_EVENTS_MAX, and fewer of long ones: empty when there are no more.
    """
    return _read("thread_id = %(thread)s", {"thread": thread}, after_seq)


def thread_events_after(*, thread_id: str, after_seq: int) -> list[StoredEvent]:
    """The same by the thread's public id."""
    thread = "thread_id = (SELECT id FROM chat_thread WHERE public_id = %(thread)s)"
    return _read(thread, {"thread": thread_id}, after_seq)


def _answers(event: NewEvent) -> bool:
    """Does it end an answer that its user may not have seen? They know of what they stopped."""
    return isinstance(event.data, AgentCompleted) and event.data.status != "stopped"


def _read(thread: str, keys: dict[str, Any], after_seq: int) -> list[StoredEvent]:
    bounds = {"after": after_seq, "events": READ_EVENTS_MAX, "bytes": READ_BYTES_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_READ.replace("<thread>", thread), keys | bounds)
        return [
            StoredEvent(seq=seq, type=type_, run_id=run_id, agent_name=agent, ts=ts, data=data)
            for seq, type_, run_id, agent, ts, data in cursor.fetchall()
        ]


def _insert(
    sql: str, keys: dict[str, Any], events: Sequence[NewEvent], ts: datetime
) -> list[StoredEvent]:
    appended = _Batch(events, ts)
    with connection.cursor() as cursor:
        cursor.execute(sql, keys | appended.values)
        seqs = sorted(row[0] for row in cursor.fetchall())
    return appended.stored(seqs)
