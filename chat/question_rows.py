"""The rows of a question: each way to them is one plain statement.

A send is the hottest of all writes. The ORM takes several times as long to say each of these
statements as PostgreSQL takes to answer it; tests compare what they write with what the ORM does.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connection
from msgspec import Struct

from chat import turns
from chat.models import Role, Thread
from chat.protocol.events import MessageCreated, StoredEvent, Trigger, timestamp
from chat.protocol.frames import encode_value
from chat.runs.lifecycle import UNFINISHED, RunState

# Most sends look in vain: that a join need not be planned is half of what the look costs.
_KNOWN: Final = "SELECT id FROM chat_message WHERE user_id = %s AND client_id = %s"
_POSTED: Final = """
SELECT question.public_id, thread.public_id, run.public_id, question.seq, thread.id,
    question.request_digest
FROM chat_message AS question
JOIN chat_run AS run ON run.question_id = question.id
JOIN chat_thread AS thread ON thread.id = run.thread_id
WHERE question.id = %s ORDER BY run.id LIMIT 1
"""
_KNOWN_OF: Final = """
SELECT user_id FROM chat_message
WHERE (user_id, client_id) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
"""
_THREAD_FIELDS: Final = Thread._meta.concrete_fields
_THREAD_NAMES: Final = [field.attname for field in _THREAD_FIELDS]
# Without its tip: a join is not read again after the wait, and a tip that has changed meanwhile
# would be none.
_LOCK: Final = f"""
SELECT {", ".join(str(field.column) for field in _THREAD_FIELDS)} FROM chat_thread
WHERE <which> AND purge_at IS NULL FOR NO KEY UPDATE
"""  # noqa: S608  constants only
# What somebody else has locked is left out: it would hold up all the others.
_LOCK_FREE: Final = _LOCK.replace(
    "<which>", "(public_id, user_id) IN (SELECT * FROM unnest(%s::text[], %s::bigint[]))"
).replace("FOR NO KEY UPDATE", "FOR NO KEY UPDATE SKIP LOCKED")
_SURROUNDINGS: Final = """
SELECT (SELECT public_id FROM chat_run WHERE id = %s),
    EXISTS (SELECT FROM chat_run WHERE thread_id = %s AND state = ANY(%s))
"""
# Of threads whose newest answer is followed.
_TIPS: Final = """
SELECT thread.id, tip.public_id,
    EXISTS (SELECT FROM chat_run WHERE thread_id = thread.id AND state = ANY(%s))
FROM chat_thread AS thread LEFT JOIN chat_run AS tip ON tip.id = thread.tip_id
WHERE thread.id = ANY(%s)
"""
# Their ids come first: each row names another one.
_STORE: Final = f"""
WITH given AS MATERIALIZED (
    SELECT one.*, nextval(pg_get_serial_sequence('chat_message', 'id')) AS message,
        nextval(pg_get_serial_sequence('chat_run', 'id')) AS run
    FROM json_to_recordset(%(rows)s::json) AS one (
        "user" bigint, thread bigint, thread_id text, title text, is_shown boolean,
        message_id text, run_id text, text text, client_id text, digest text, data text,
        after bigint, version_of bigint, trigger text, precedence smallint, priority integer,
        args jsonb
    )
), job AS MATERIALIZED (
    SELECT run, {turns.job("priority", "args")} AS id FROM given WHERE priority IS NOT NULL
), head (thread_id, key, seq) AS (<head>), asked AS (
    SELECT * FROM given JOIN head USING (thread_id)
), event AS (
    INSERT INTO chat_event (thread_id, seq, type, ts, data)
    SELECT key, seq, %(type)s, %(ts)s, data FROM asked
), question AS (
    INSERT INTO chat_message (id, public_id, thread_id, user_id, after_id, version_of_id, role,
        text, seq, client_id, request_digest, created_at)
    SELECT message, message_id, key, "user", after, version_of, %(role)s, text, seq, client_id,
        digest, %(ts)s
    FROM asked
), answer AS (
    INSERT INTO chat_run (id, public_id, thread_id, user_id, state, attempt, handovers, waits,
        trigger, question_id, precedence, agent_name, model, job_id, partial_text, history,
        history_length, usage, created_at)
    SELECT run, run_id, key, "user", %(state)s, 0, 0, 0, trigger, message, precedence, '', '',
        job.id, '', '', 0, '{{}}', %(ts)s
    FROM asked LEFT JOIN job USING (run)
)
SELECT run_id, key, message, run, seq FROM asked
"""  # noqa: S608  constants only
_NEW_THREADS: Final = """
INSERT INTO chat_thread (public_id, user_id, title, model_choice, head, tip_id, read_seq,
    created_at, updated_at)
SELECT thread_id, "user", title, '', 1, run, 1, %(ts)s, %(ts)s FROM given
RETURNING public_id, id, head
"""
# Whoever writes has read what was answered before.
_GROWN_THREADS: Final = """
UPDATE chat_thread SET head = head + 1, read_seq = head + 1, updated_at = %(ts)s,
    tip_id = CASE WHEN given.is_shown THEN given.run ELSE tip_id END
FROM given WHERE chat_thread.id = given.thread
RETURNING chat_thread.public_id, chat_thread.id, chat_thread.head
"""
_STORE_IN_NEW: Final = _STORE.replace("<head>", _NEW_THREADS)
_STORE_IN_GROWN: Final = _STORE.replace("<head>", _GROWN_THREADS)


class PostedRow(Struct, frozen=True):
    """What a message with its `client_id` was stored as."""

    message_id: str
    thread_id: str
    run_id: str
    seq: int
    thread: int
    digest: str


class QuestionRows(Struct, frozen=True, kw_only=True):
    """What is to be stored of a question, its event and its run, under the names of `_STORE`."""

    user: int
    # None of a thread that is stored with it.
    thread: int | None
    thread_id: str
    title: str
    message_id: str
    run_id: str
    text: str
    client_id: str
    digest: str
    # Of its event.
    data: str
    after: int | None
    version_of: int | None
    trigger: Trigger
    precedence: int
    # Whether the branch is shown from now on that ends in its run.
    is_shown: bool
    # Of its job, None without one.
    priority: int | None
    args: Mapping[str, str]


class StoredQuestion(Struct, frozen=True, kw_only=True):
    """The keys that a question and its run were given, and where they lie in the log."""

    thread: int
    message: int
    message_id: str
    run: int
    run_id: str
    seq: int
    at: datetime

    def event(self, data: str) -> StoredEvent:
        """Its place in the log, which tells of it by `data`."""
        return StoredEvent(
            seq=self.seq,
            type=MessageCreated.type,
            run_id=None,
            agent_name=None,
            ts=timestamp(self.at),
            data=data,
        )


def posted(*, user: int, client_id: str) -> PostedRow | None:
    """What an earlier send of this user stored under its `client_id`."""
    known = _row(_KNOWN, [user, client_id])
    row = None if known is None else _row(_POSTED, known)
    return None if row is None else PostedRow(*row)


def posted_of(client_ids: Mapping[int, str]) -> set[int]:
    """The users, of those given with the `client_id` of a send, who have sent it before."""
    return {user for (user,) in _rows(_KNOWN_OF, [list(client_ids), list(client_ids.values())])}


def locked_thread(*, key: int) -> Thread | None:
    """The thread of this key, locked until the transaction ends; None of one that is deleted."""
    return _thread("id = %s", [key])


def locked_thread_of(*, user: int, thread_id: str) -> Thread | None:
    """The same of a thread of this user, by its public id."""
    return _thread("public_id = %s AND user_id = %s", [thread_id, user])


def locked_threads_of(thread_ids: Mapping[int, str]) -> dict[int, Thread]:
    """The threads, one of each user, that are there and that nobody else has locked; by user."""
    rows = _rows(_LOCK_FREE, [list(thread_ids.values()), list(thread_ids)])
    found = [Thread.from_db(DEFAULT_DB_ALIAS, _THREAD_NAMES, row) for row in rows]
    return {thread.user_id: thread for thread in found}


def surroundings(*, thread: int, after: int | None) -> tuple[str | None, bool]:
    """The public id of the run `after`, and whether any run of the thread has not ended."""
    row = _row(_SURROUNDINGS, [after, thread, sorted(UNFINISHED)])
    assert row is not None  # a SELECT without FROM
    after_id, is_busy = row
    return after_id, is_busy


def tips(threads: Collection[int]) -> dict[int, tuple[str | None, bool]]:
    """The same of many threads, each after the answer that is shown last."""
    rows = _rows(_TIPS, [sorted(UNFINISHED), list(threads)])
    return {thread: (after_id, is_busy) for thread, after_id, is_busy in rows}


def store(rows: Sequence[QuestionRows], *, ts: datetime) -> list[StoredQuestion]:
    """Write questions, each of another thread, with their events, runs and jobs.

    And their threads, where these are new; the others are locked.
    """
    new: list[QuestionRows] = []
    others: list[QuestionRows] = []
    for one in rows:
        (new if one.thread is None else others).append(one)
    keys = _stored_keys(_STORE_IN_NEW, new, ts) | _stored_keys(_STORE_IN_GROWN, others, ts)
    return [_stored(one, keys[one.run_id], ts) for one in rows]


def _stored_keys(
    statement: str, rows: Sequence[QuestionRows], ts: datetime
) -> dict[str, list[int]]:
    if not rows:
        return {}
    values = {
        "rows": encode_value(rows),
        "ts": ts,
        "type": MessageCreated.type,
        "role": Role.USER.value,
        "state": RunState.QUEUED.value,
        **turns.JOB_VALUES,
    }
    return {run_id: key for run_id, *key in _rows(statement, values)}


def _stored(rows: QuestionRows, key: Sequence[int], ts: datetime) -> StoredQuestion:
    thread, message, run, seq = key
    return StoredQuestion(
        thread=thread,
        message=message,
        message_id=rows.message_id,
        run=run,
        run_id=rows.run_id,
        seq=seq,
        at=ts,
    )


def _thread(which: str, values: list[Any]) -> Thread | None:
    row = _row(_LOCK.replace("<which>", which), values)
    return None if row is None else Thread.from_db(DEFAULT_DB_ALIAS, _THREAD_NAMES, row)


def _rows(statement: str, values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _row(statement: str, values: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
