"""Reads of threads, folders, runs and files; nothing here writes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower, Now
from django.utils import timezone
from msgspec import UNSET, Struct, UnsetType
from procrastinate.contrib.django.models import ProcrastinateWorker

from chat.models import File, Folder, Run, Thread, public_id
from chat.protocol.events import FileRef, timestamp
from chat.protocol.frames import ActiveRunRef, FolderRow, ThreadRow
from chat.runs.lifecycle import ACTIVE, UNFINISHED, CallState, RunState
from netra.ids import FileID, FolderID, RunID, ThreadID

ThreadState = Literal["active", "archived", "deleted"]
WORKER_SILENCE_S: Final = 4.0
ACTIVE_RUNS_MAX: Final = 500
_ACTIVE_RUNS: Final = """
SELECT asked.id, found.thread, found.run
FROM unnest(%s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT thread.public_id AS thread, run.public_id AS run, run.id
    FROM chat_run AS run JOIN chat_thread AS thread ON thread.id = run.thread_id
    WHERE run.user_id = asked.id AND run.state = ANY(%s) AND thread.purge_at IS NULL
    ORDER BY run.id LIMIT %s
) AS found ORDER BY found.id
"""


class ThreadPlace(Struct, frozen=True, kw_only=True):
    """Where a thread stands in the list of its user, whatever becomes of it meanwhile."""

    updated_at: datetime
    thread_id: str


class ThreadsOf(Struct, frozen=True, kw_only=True):
    """Which threads of a user are listed; None of what does not matter."""

    state: ThreadState = "active"
    folder_id: str | None = None
    pinned: bool | None = None


class LiveText(Struct, kw_only=True):
    """The answer of the active run so far, as its checkpoint has it."""

    run_id: str
    attempt: int
    text: str


_ACTIVE: Final = ThreadsOf()
# As the indexes have them.
_STATES: Final[Mapping[ThreadState, Callable[[], Q]]] = {
    "active": lambda: Q(is_archived=False, purge_at=None),
    "archived": lambda: Q(is_archived=True, purge_at=None),
    # What is past its time there is gone, though a worker has yet to come and remove it.
    "deleted": lambda: Q(purge_at__gt=timezone.now()),
}


def thread_key(*, user: int, thread_id: str) -> int | None:
    """The database key of a thread of this user; None for a foreign or missing one alike."""
    known = public_id(ThreadID, thread_id)
    if known is None:
        return None
    threads = Thread.objects.filter(public_id=known, user_id=user, purge_at=None)
    return threads.values_list("pk", flat=True).first()


def head_of(*, thread: int) -> int:
    return Thread.objects.values_list("head", flat=True).get(pk=thread)


def heads_of(thread_ids: Sequence[str]) -> dict[str, int]:
    rows = Thread.objects.filter(public_id__in=thread_ids).values_list("public_id", "head")
    return dict(rows)


def threads_before(
    *, user: int, before: ThreadPlace | None, limit: int, which: ThreadsOf = _ACTIVE
) -> tuple[list[ThreadRow], ThreadPlace | None]:
    """The user's threads after a place in their list, the newest first, and where more begin."""
    threads = Thread.objects.filter(_STATES[which.state](), user_id=user)
    if which.folder_id is not None:
        threads = threads.filter(folder__public_id=which.folder_id)
    if which.pinned is not None:
        threads = threads.filter(is_pinned=which.pinned)
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
    runs = Run.objects.filter(public_id=known, user_id=user, thread__purge_at=None)
    return runs.select_related("thread", "question").first() if known else None


def files_before(*, user: int, before: str | None, limit: int) -> list[File]:
    """The user's files, the newest first, after the one with that id."""
    files = _readable_files(user)
    if before is not None:
        files = files.filter(public_id__lt=before)
    return list(files.order_by("-public_id")[:limit])


def file_of(*, user: int, file_id: str) -> File | None:
    """A file of this user; None for a foreign or missing one alike."""
    known = public_id(FileID, file_id)
    return _readable_files(user).filter(public_id=known).first() if known else None


def file_ref(file: File) -> FileRef:
    """A file as messages and answers name it."""
    return FileRef(
        file_id=file.public_id,
        name=file.name,
        bytes=file.bytes,
        kind=file.kind.value,
        width=file.width or UNSET,
        height=file.height or UNSET,
    )


def thread_row(*, thread: int) -> ThreadRow:
    return _rows(Thread.objects.filter(pk=thread))[0]


def row_of(thread: Thread, *, is_running: bool, is_waiting: bool | UnsetType = UNSET) -> ThreadRow:
    """How a thread that was read already stands in the lists."""
    return ThreadRow(
        thread_id=thread.public_id,
        title=thread.title,
        updated_at=timestamp(thread.updated_at),
        running=is_running,
        pinned=thread.is_pinned,
        archived=thread.is_archived,
        folder_id=thread.folder_id,
        unread=thread.is_unread,
        deleted=thread.is_deleted,
        gone=True if thread.is_gone else UNSET,
        waiting=is_waiting,
    )


def has_folder(*, user: int, folder_id: str) -> bool:
    known = public_id(FolderID, folder_id)
    return known is not None and Folder.objects.filter(public_id=known, user_id=user).exists()


def folders_of(*, user: int) -> list[FolderRow]:
    folders = Folder.objects.filter(user_id=user).order_by(Lower("name"), "pk")
    return [FolderRow(folder_id=one.public_id, name=one.name) for one in folders]


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


def _readable_files(user: int) -> QuerySet[File]:
    """The user's files but those of threads in the bin."""
    files = File.objects.filter(user_id=user, message__thread__purge_at=None)
    return files.select_related("message")


def _rows(threads: Any) -> list[ThreadRow]:
    return [_row(thread) for thread in _told(threads)]


def _row(told: Any) -> ThreadRow:
    return row_of(told, is_running=told.running, is_waiting=told.waiting)


def _told(threads: Any) -> Any:
    running = Run.objects.filter(thread=OuterRef("pk"), state__in=sorted(UNFINISHED))
    waiting = Run.objects.filter(
        thread=OuterRef("pk"), state=RunState.WAITING, tool_calls__status=CallState.WAITING
    )
    return threads.annotate(running=Exists(running), waiting=Exists(waiting))
