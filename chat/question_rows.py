"""The rows of a question: each way to them is one plain statement.

A send is the hottest of all writes. The ORM takes several times as long to say each of these
statements as PostgreSQL takes to answer it; tests compare what they write with what the ORM does.
"""

from datetime import datetime
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connection
from msgspec import Struct

from accounts.models import User
from chat import turns
from chat.delivery import log
from chat.models import Role, Thread
from chat.protocol.events import NewEvent, StoredEvent, Trigger
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
_THREAD_FIELDS: Final = Thread._meta.concrete_fields
_THREAD_NAMES: Final = [field.attname for field in _THREAD_FIELDS]
# Without its tip: a join is not read again after the wait, and a tip that has changed meanwhile
# would be none.
_LOCK: Final = f"""
SELECT {", ".join(str(field.column) for field in _THREAD_FIELDS)} FROM chat_thread
WHERE <which> AND purge_at IS NULL FOR NO KEY UPDATE
"""  # noqa: S608  constants only
_SURROUNDINGS: Final = """
SELECT (SELECT public_id FROM chat_run WHERE id = %s),
    EXISTS (SELECT FROM chat_run WHERE thread_id = %s AND state = ANY(%s))
"""
# Their ids come first: each row names another one.
_STORE: Final = f"""
WITH new AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('chat_message', 'id')) AS message,
        nextval(pg_get_serial_sequence('chat_run', 'id')) AS run
), job AS MATERIALIZED ({turns.JOB} WHERE %(begins)s), head AS (<head>), event AS ({log.INSERT}),
message AS (
    INSERT INTO chat_message (id, public_id, thread_id, user_id, after_id, version_of_id, role,
        text, seq, client_id, request_digest, created_at)
    SELECT new.message, %(message_id)s, head.id, %(user)s, %(after)s, %(version_of)s, %(role)s,
        %(text)s, head.head, %(client_id)s, %(digest)s, %(ts)s
    FROM new, head
), run AS (
    INSERT INTO chat_run (id, public_id, thread_id, user_id, state, attempt, handovers, waits,
        trigger, question_id, precedence, agent_name, model, job_id, partial_text, history,
        history_length, usage, created_at)
    SELECT new.run, %(run_id)s, head.id, %(user)s, %(state)s, 0, 0, 0, %(trigger)s, new.message,
        %(precedence)s, '', '', (SELECT id FROM job), '', '', 0, '{{}}', %(ts)s
    FROM new, head
)
SELECT head.id, new.message, new.run, head.head FROM new, head
"""  # noqa: S608  constants only
_NEW_THREAD: Final = """
INSERT INTO chat_thread (public_id, user_id, title, model_choice, head, tip_id, read_seq,
    created_at, updated_at)
SELECT %(thread_id)s, %(user)s, %(title)s, '', 1, new.run, 1, %(ts)s, %(ts)s FROM new
RETURNING id, head
"""
# Whoever writes has read what was answered before.
_GROWN_THREAD: Final = """
UPDATE chat_thread SET head = head + 1, read_seq = head + 1, updated_at = %(ts)s,
    tip_id = CASE WHEN %(is_shown)s THEN new.run ELSE tip_id END
FROM new WHERE chat_thread.id = %(thread)s RETURNING chat_thread.id, chat_thread.head
"""
_STORE_IN_NEW: Final = _STORE.replace("<head>", _NEW_THREAD)
_STORE_IN_GROWN: Final = _STORE.replace("<head>", _GROWN_THREAD)


class PostedRow(Struct, frozen=True):
    """What a message with its `client_id` was stored as."""

    message_id: str
    thread_id: str
    run_id: str
    seq: int
    thread: int
    digest: str


class QuestionRows(Struct, frozen=True, kw_only=True):
    """What is to be stored of a question and its run; `priority` of its job, None without one."""

    message_id: str
    run_id: str
    text: str
    client_id: str
    digest: str
    after: int | None
    version_of: int | None
    trigger: Trigger
    precedence: int
    # Whether the branch is shown from now on that ends in its run.
    is_shown: bool
    priority: int | None


class StoredQuestion(Struct, frozen=True, kw_only=True):
    """The keys that a question and its run were given, and where they lie in the log."""

    message: int
    message_id: str
    run: int
    run_id: str
    seq: int
    at: datetime


def posted(*, user: int, client_id: str) -> PostedRow | None:
    """What an earlier send of this user stored under its `client_id`."""
    known = _row(_KNOWN, [user, client_id])
    row = None if known is None else _row(_POSTED, known)
    return None if row is None else PostedRow(*row)


def locked_thread(*, key: int) -> Thread | None:
    """The thread of this key, locked until the transaction ends; None of one that is deleted."""
    return _thread("id = %s", [key])


def locked_thread_of(*, user: int, thread_id: str) -> Thread | None:
    """The same of a thread of this user, by its public id."""
    return _thread("public_id = %s AND user_id = %s", [thread_id, user])


def surroundings(*, thread: int, after: int | None) -> tuple[str | None, bool]:
    """The public id of the run `after`, and whether any run of the thread has not ended."""
    row = _row(_SURROUNDINGS, [after, thread, sorted(UNFINISHED)])
    assert row is not None  # a SELECT without FROM
    after_id, is_busy = row
    return after_id, is_busy


def store(
    *, user: User, thread: Thread, rows: QuestionRows, event: NewEvent, ts: datetime
) -> tuple[StoredQuestion, StoredEvent]:
    """Write a question, its event, its run and its job; and its thread, where that is new."""
    batch = log.Batch([event], ts)
    values: dict[str, Any] = {
        **batch.values,
        **turns.job_values(rows.run_id, priority=rows.priority or 0),
        "begins": rows.priority is not None,
        "user": user.pk,
        "thread": thread.pk,
        "thread_id": thread.public_id,
        "title": thread.title,
        "is_shown": rows.is_shown,
        "message_id": rows.message_id,
        "run_id": rows.run_id,
        "after": rows.after,
        "version_of": rows.version_of,
        "role": Role.USER.value,
        "text": rows.text,
        "client_id": rows.client_id,
        "digest": rows.digest,
        "state": RunState.QUEUED.value,
        "trigger": rows.trigger,
        "precedence": rows.precedence,
    }
    row = _row(_STORE_IN_NEW if thread.pk is None else _STORE_IN_GROWN, values)
    assert row is not None  # its thread is new, or locked
    thread.pk, message, run, seq = row
    question = StoredQuestion(
        message=message,
        message_id=rows.message_id,
        run=run,
        run_id=rows.run_id,
        seq=seq,
        at=ts,
    )
    return question, batch.stored([seq])[0]


def _thread(which: str, values: list[Any]) -> Thread | None:
    row = _row(_LOCK.replace("<which>", which), values)
    return None if row is None else Thread.from_db(DEFAULT_DB_ALIAS, _THREAD_NAMES, row)


def _row(statement: str, values: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
