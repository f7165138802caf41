"""Reads of threads, runs and files; nothing here writes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import msgspec
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from msgspec import Struct
from procrastinate.contrib.django.models import ProcrastinateWorker

from chat.models import Event, File, Message, Role, Run, Thread, ToolCall, public_id
from chat.protocol.events import AgentThinking, ApprovalResolved, Fault, FileRef, timestamp
from chat.protocol.frames import ActiveRunRef, ThreadRow
from chat.protocol.snapshots import ActiveRun, MessageView, QueuedRun, Snapshot, ToolCallView
from chat.runs.lifecycle import ACTIVE, UNFINISHED, CallState, RunState
from netra.ids import FileID, ThreadID

SNAPSHOT_MESSAGES_MAX: Final = 100
# Clients with a common frame limit of 1 MiB must be able to take a snapshot.
SNAPSHOT_CHARS_MAX: Final = 600_000
THREADS_LISTED_MAX: Final = 100
WORKER_SILENCE_S: Final = 4.0
ACTIVE_RUNS_MAX: Final = 500
_ACTIVE_RUNS: Final = """
SELECT asked.id, found.thread, found.run
FROM unnest(%s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT thread.public_id AS thread, run.public_id AS run, run.id
    FROM chat_run AS run JOIN chat_thread AS thread ON thread.id = run.thread_id
    WHERE run.user_id = asked.id AND run.state = ANY(%s) ORDER BY run.id LIMIT %s
) AS found ORDER BY found.id
"""


class LiveText(Struct, kw_only=True):
    """The answer of the active run so far, as its checkpoint has it."""

    run_id: str
    attempt: int
    text: str


def thread_key(*, user: int, thread_id: str) -> int | None:
    """The database key of a thread of this user; None for a foreign or missing one alike."""
    known = public_id(ThreadID, thread_id)
    if known is None:
        return None
    threads = Thread.objects.filter(public_id=known, user_id=user)
    return threads.values_list("pk", flat=True).first()


def head_of(*, thread: int) -> int:
    return Thread.objects.values_list("head", flat=True).get(pk=thread)


def heads_of(thread_ids: Sequence[str]) -> dict[str, int]:
    rows = Thread.objects.filter(public_id__in=thread_ids).values_list("public_id", "head")
    return dict(rows)


def thread_rows(*, user: int, limit: int = THREADS_LISTED_MAX) -> list[ThreadRow]:
    return _rows(Thread.objects.filter(user_id=user).order_by("-updated_at")[:limit])


def thread_row(*, thread: int) -> ThreadRow:
    return _rows(Thread.objects.filter(pk=thread))[0]


def active_runs(users: Collection[int]) -> dict[int, list[ActiveRunRef]]:
    """The unfinished runs of each user, oldest first, ACTIVE_RUNS_MAX of each at most."""
    found: dict[int, list[ActiveRunRef]] = {user: [] for user in users}
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE_RUNS, [list(users), sorted(UNFINISHED), ACTIVE_RUNS_MAX])
        for user, thread_id, run_id in cursor.fetchall():
            found[user].append(ActiveRunRef(thread_id=thread_id, run_id=run_id))
    return found


def live_text(*, thread: int) -> LiveText | None:
    """The text of the run that holds the thread, or None when no run does."""
    runs = Run.objects.filter(thread_id=thread, state__in=sorted(ACTIVE))
    row = runs.values_list("public_id", "attempt", "partial_text").first()
    return row and LiveText(run_id=row[0], attempt=row[1], text=row[2])


def live_texts(thread_ids: Sequence[str]) -> dict[str, LiveText]:
    """The same for many threads at once, by public id."""
    runs = Run.objects.filter(thread__public_id__in=thread_ids, state__in=sorted(ACTIVE))
    rows = runs.values_list("thread__public_id", "public_id", "attempt", "partial_text")
    return {row[0]: LiveText(run_id=row[1], attempt=row[2], text=row[3]) for row in rows}


def workers_alive() -> bool:
    """Whether any worker wrote its heartbeat within the last seconds."""
    # By the database's clock, which wrote it: two machines never agree to the second.
    since = Now() - timedelta(seconds=WORKER_SILENCE_S)
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=since).exists()


def files_of(*, user: int, file_ids: Sequence[str]) -> list[File]:
    """The user's own files that no message has yet, in the order asked for."""
    if not file_ids:
        return []
    wanted = [known for file_id in file_ids if (known := public_id(FileID, file_id))]
    found = File.objects.filter(user_id=user, message=None, public_id__in=wanted)
    by_id = {file.public_id: file for file in found}
    return [by_id[file_id] for file_id in wanted if file_id in by_id]


def snapshot(*, thread: int) -> Snapshot:
    """The thread as it stands at one seq: messages, the active run, what waits."""
    with _one_view():
        row = Thread.objects.get(pk=thread)
        newest = list(
            Message.objects.filter(thread_id=thread)
            .select_related("run")
            .prefetch_related("files")
            .order_by("-seq")[: SNAPSHOT_MESSAGES_MAX + 1]
        )
        kept = _within_budget(newest[:SNAPSHOT_MESSAGES_MAX])
        waiting = Run.objects.filter(thread_id=thread, state__in=sorted(UNFINISHED))
        unfinished = list(
            waiting.select_related("question").prefetch_related("messages").order_by("pk")
        )
        answered = {message.run for message in kept if message.role == Role.ASSISTANT}
        runs = {run for run in (*answered, *unfinished) if run is not None}
        work = _work_of(thread, runs)
        active = next((run for run in unfinished if run.state in ACTIVE), None)
        return Snapshot(
            thread_id=row.public_id,
            seq=row.head,
            messages=[_message_view(message, work) for message in reversed(kept)],
            more=len(newest) > len(kept),
            active_run=_active_run(active, work) if active else None,
            queued_runs=_queued_runs(unfinished),
        )


@contextmanager
def _one_view() -> Iterator[None]:
    """Everything inside reads the database as of one moment."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _rows(threads: Any) -> list[ThreadRow]:
    running = Run.objects.filter(thread=OuterRef("pk"), state__in=sorted(UNFINISHED))
    return [
        ThreadRow(
            thread_id=thread.public_id,
            title=thread.title,
            updated_at=timestamp(thread.updated_at),
            running=thread.running,
        )
        for thread in threads.annotate(running=Exists(running))
    ]


def _within_budget(newest_first: list[Message]) -> list[Message]:
    kept: list[Message] = []
    chars = 0
    for message in newest_first:
        chars += len(message.text)
        if kept and chars > SNAPSHOT_CHARS_MAX:
            break
        kept.append(message)
    return kept


class _Work(Struct, kw_only=True):
    """What a run did besides its text."""

    thoughts: list[str] = []
    calls: tuple[ToolCallView, ...] = ()


def _work_of(thread: int, runs: Iterable[Run]) -> dict[str, _Work]:
    """Thoughts and tool calls of these runs of one thread, by the run's public id."""
    work = {run.public_id: _Work() for run in runs}
    decisions: dict[tuple[str, str], dict[str, Any]] = {}
    told = Event.objects.filter(
        thread_id=thread, run_id__in=work, type__in=(AgentThinking.type, ApprovalResolved.type)
    ).order_by("seq")
    for run_id, kind, encoded in told.values_list("run_id", "type", "data"):
        data = msgspec.json.decode(encoded)
        if kind == AgentThinking.type:
            work[run_id or ""].thoughts.append(data["text"])
        else:
            decisions[run_id or "", data["call_id"]] = data
    calls = ToolCall.objects.filter(run__public_id__in=work).select_related("run").order_by("pk")
    for call in calls:
        mine = work[call.run.public_id]
        decided = decisions.get((call.run.public_id, call.call_id))
        mine.calls = (*mine.calls, _call_view(call, decided))
    return work


def _call_view(call: ToolCall, decided: dict[str, Any] | None) -> ToolCallView:
    return ToolCallView(
        call_id=call.call_id,
        tool_name=call.tool_name,
        args=msgspec.Raw(call.args.encode()),
        status=call.status,
        elapsed_ms=call.elapsed_ms,
        result=msgspec.Raw(call.result.encode()) if call.result else msgspec.UNSET,
        error=call.error if call.error else msgspec.UNSET,
        expires_at=timestamp(call.expires_at)
        if call.expires_at and call.status == CallState.WAITING
        else msgspec.UNSET,
        decision=decided["decision"] if decided else msgspec.UNSET,
        edited="args" in decided if decided else msgspec.UNSET,
    )


def _message_view(message: Message, work: dict[str, _Work]) -> MessageView:
    files = tuple(
        FileRef(file_id=file.public_id, name=file.name, bytes=file.bytes)
        for file in message.files.all()
    )
    run = message.run
    view = MessageView(
        message_id=message.public_id,
        role="user",
        text=message.text,
        run_id=run.public_id if run else None,
        status="stored",
        seq=message.seq,
        ts=timestamp(message.created_at),
        files=files,
    )
    if message.role != Role.ASSISTANT or run is None:
        return view
    done = work[run.public_id]
    return msgspec.structs.replace(
        view,
        role="assistant",
        status=run.state,
        thinking="\n".join(done.thoughts),
        tool_calls=done.calls,
        usage=run.usage,
        error=msgspec.convert(run.error, Fault) if run.error else msgspec.UNSET,
    )


def _active_run(run: Run, work: dict[str, _Work]) -> ActiveRun:
    done = work[run.public_id]
    return ActiveRun(
        run_id=run.public_id,
        agent_name=run.agent_name,
        status=run.state,
        attempt=run.attempt,
        started_at=timestamp(run.started_at) if run.started_at else None,
        thinking="\n".join(done.thoughts),
        tool_calls=done.calls,
    )


def _queued_runs(unfinished: Sequence[Run]) -> list[QueuedRun]:
    waiting = [run for run in unfinished if run.state == RunState.QUEUED]
    return [
        QueuedRun(
            run_id=run.public_id,
            message_id=(run.question or run.messages.all()[0]).public_id,
            position=position,
        )
        for position, run in enumerate(waiting, start=1)
    ]
