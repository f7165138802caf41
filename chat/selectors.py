"""Reads of threads, runs and files; nothing here writes."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from msgspec import Struct
from procrastinate.contrib.django.models import ProcrastinateWorker

from chat.models import File, Run, Thread, public_id
from chat.protocol.events import timestamp
from chat.protocol.frames import ActiveRunRef, ThreadRow
from chat.runs.lifecycle import ACTIVE, UNFINISHED
from netra.ids import FileID, RunID, ThreadID

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


class ThreadPlace(Struct, frozen=True, kw_only=True):
    """Where a thread stands in the list of its user, whatever becomes of it meanwhile."""

    updated_at: datetime
    thread_id: str


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


def threads_before(
    *, user: int, before: ThreadPlace | None, limit: int
) -> tuple[list[ThreadRow], ThreadPlace | None]:
    """The user's threads after a place in their list, the newest first, and where more begin."""
    threads = Thread.objects.filter(user_id=user)
    if before is not None:
        # The first condition is a range of the index; the second only parts equals.
        later = Q(updated_at=before.updated_at, public_id__gte=before.thread_id)
        threads = threads.filter(~later, updated_at__lte=before.updated_at)
    found = list(_told(threads.order_by("-updated_at", "-public_id")[: limit + 1]))
    last = found[limit - 1] if len(found) > limit else None
    place = last and ThreadPlace(updated_at=last.updated_at, thread_id=last.public_id)
    return [_row(thread) for thread in found[:limit]], place


def run_of(*, user: int, run_id: str) -> Run | None:
    """A run of this user with its thread and question; None for a foreign or missing one alike."""
    known = public_id(RunID, run_id)
    runs = Run.objects.filter(public_id=known, user_id=user)
    return runs.select_related("thread", "question").first() if known else None


def files_before(*, user: int, before: str | None, limit: int) -> list[File]:
    """The user's files, the newest first, after the one with that id."""
    files = File.objects.filter(user_id=user).select_related("message")
    if before is not None:
        files = files.filter(public_id__lt=before)
    return list(files.order_by("-public_id")[:limit])


def file_of(*, user: int, file_id: str) -> File | None:
    """A file of this user; None for a foreign or missing one alike."""
    known = public_id(FileID, file_id)
    files = File.objects.filter(public_id=known, user_id=user).select_related("message")
    return files.first() if known else None


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


def _rows(threads: Any) -> list[ThreadRow]:
    return [_row(thread) for thread in _told(threads)]


def _told(threads: Any) -> Any:
    running = Run.objects.filter(thread=OuterRef("pk"), state__in=sorted(UNFINISHED))
    return threads.annotate(running=Exists(running))


def _row(thread: Any) -> ThreadRow:
    return ThreadRow(
        thread_id=thread.public_id,
        title=thread.title,
        updated_at=timestamp(thread.updated_at),
        running=thread.running,
    )
