"""What a user may do to threads: post, stop, upload; each in one transaction."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.core.files.base import File as DjangoFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from msgspec import Struct
from procrastinate.contrib.django import app as jobs

from accounts.models import User
from accounts.selectors import must_verify_email
from billing import services as billing
from billing.entitlements import Entitlements
from billing.selectors import entitlements_of
from chat import selectors, turns
from chat.delivery import bell, log
from chat.errors import (
    AddressUnverified,
    ClientIDReused,
    FileNotFound,
    NotNewest,
    QueueFull,
    RunNotFound,
    ThreadNotFound,
    TooManyFiles,
)
from chat.models import File, Message, Role, Run, Thread, new_message_id, new_run_id, public_id
from chat.protocol.events import (
    AgentCompleted,
    AgentStarted,
    FileRef,
    MessageCreated,
    NewEvent,
    RunQueued,
    StoredEvent,
    timestamp,
)
from chat.protocol.frames import ThreadRow, Threads, encode, encode_value
from chat.runs.lifecycle import ACTIVE, TERMINAL, UNFINISHED, RunState
from netra.ids import RunID, ThreadID

QUEUED_RUNS_MAX: Final = 50
UNSENT_FILES_MAX: Final = 50
UNSENT_FILE_LIFE: Final = timedelta(days=1)
UNSENT_FILES_DROPPED_MAX: Final = 100
TITLE_CHARS: Final = 60
# The billing feature that one run uses up.
RUN_FEATURE: Final = "runs_month"
MESSAGE_FEATURE: Final = "messages_minute"


class Posted(Struct, frozen=True, kw_only=True):
    """What became of a message; a repeated one is answered with the first result."""

    message_id: str
    thread_id: str
    run_id: str
    seq: int
    duplicate: bool
    # The thread's database key, which stays inside.
    thread: int


class Outgoing(Struct, frozen=True, kw_only=True):
    """A message as its sender asked for it; `digest` tells a retry from a reused id."""

    client_id: str
    text: str
    thread_id: str | None = None
    files: tuple[str, ...] = ()
    interrupt: bool = False

    @property
    def digest(self) -> str:
        body = encode_value((self.thread_id, self.text, self.files))
        return hashlib.sha256(body.encode()).hexdigest()


def post_message(*, user: User, message: Outgoing) -> Posted:
    """Store a message with its run and its job; exactly once per `client_id`.

    Raises AddressUnverified, ThreadNotFound, FileNotFound, ClientIDReused, QueueFull, and
    billing's LimitReached.
    """
    try:
        with transaction.atomic():
            return _posted_before(user, message) or _post(user, message)
    except IntegrityError as error:
        # Another connection stored the same client_id between our look and our insert.
        if "message_client_id_once" not in str(error):
            raise
    posted = _posted_before(user, message)
    if posted is None:
        raise ClientIDReused
    return posted


def stop_run(*, user: User, run_id: str) -> Run:
    """Ask a run to stop; one that waits ends here, one that runs is told. Idempotent."""
    known = public_id(RunID, run_id)
    run = known and Run.objects.filter(public_id=known, user=user).select_related("thread").first()
    if not run:
        raise RunNotFound
    with transaction.atomic():
        _stop(run)
    return run


def answer_again(*, user: User, client_id: str, run_id: str) -> tuple[Run, bool]:
    """Begin a further answer to a thread's newest question, which stays as it is, like its answer.

    Gives the new run, and whether the same frame made it before. Raises RunNotFound, NotNewest,
    AddressUnverified, and billing's LimitReached.
    """
    known = public_id(RunID, run_id)
    mine = Run.objects.filter(user=user).select_related("thread", "question", "user")
    with transaction.atomic():
        first = mine.filter(public_id=known).first() if known else None
        if first is None:
            raise RunNotFound
        # From here on nobody adds a run to the thread, nor begins the same one twice.
        Thread.objects.select_for_update().get(pk=first.thread_id)
        made = mine.filter(client_id=client_id).first()
        if made is not None:
            return made, True
        newest = Run.objects.filter(thread=first.thread).order_by("-pk").first()
        if newest != first or RunState(first.state) not in TERMINAL:
            raise NotNewest
        return _answer_again(user, first, client_id), False


def _answer_again(user: User, first: Run, client_id: str) -> Run:
    _require_verified(user)
    question = first.question or first.messages.get(role=Role.USER)
    new_id = new_run_id()
    entitled = _use_limits(user, run_id=new_id, message_id=f"again/{new_id}")
    run = Run.objects.create(
        public_id=new_id,
        thread=first.thread,
        user=user,
        question=question,
        client_id=client_id,
        trigger="retry" if first.state == RunState.FAILED else "regenerate",
    )
    _begin_run(run, message_id=question.public_id, entitled=entitled)
    publish_thread_row(thread=first.thread_id, user_id=user.public_id)
    return run


def store_file(*, user: User, name: str, content: "DjangoFile[bytes]") -> File:
    """Keep an uploaded file for a later message of this user; raises TooManyFiles."""
    if File.objects.filter(user=user, message=None).count() >= UNSENT_FILES_MAX:
        raise TooManyFiles
    file = File(user=user, name=name[:255], bytes=content.size)
    file.content.save(name, content, save=False)
    file.save()
    return file


def drop_unsent_files() -> int:
    """Remove uploads that no message took within a day; gives how many, bounded."""
    old = File.objects.filter(message=None, created_at__lt=timezone.now() - UNSENT_FILE_LIFE)
    dropped = list(old.order_by("pk")[:UNSENT_FILES_DROPPED_MAX])
    for file in dropped:
        # The row first: content without a row is lost space, a row without content an error.
        if File.objects.filter(pk=file.pk, message=None).delete()[0]:
            file.content.delete(save=False)
    return len(dropped)


def publish_thread_row(*, thread: int, user_id: str) -> None:
    """Tell the user's sockets how a thread now stands in the list, after commit."""
    _publish_row(user_id, selectors.thread_row(thread=thread))


def end_waiting_run(run: Run, *, state: RunState) -> bool:
    """End a run that never started: both of its bracket events, one after the other."""
    ended = Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(
        state=state, ended_at=timezone.now()
    )
    if not ended:
        return False
    started = AgentStarted(model=run.model, trigger="send")
    completed = AgentCompleted(status="stopped", message_id=None, usage={})
    log.append(
        thread=run.thread_id,
        thread_id=run.thread.public_id,
        events=[
            NewEvent(data=data, run_id=run.public_id, agent_name=run.agent_name or None)
            for data in (started, completed)
        ],
    )
    billing.release(key=run.public_id)
    turns.end(run)
    publish_thread_row(thread=run.thread_id, user_id=run.user.public_id)
    return True


def _posted_before(user: User, message: Outgoing) -> Posted | None:
    rows = Message.objects.filter(user=user, client_id=message.client_id).values_list(
        "public_id", "thread__public_id", "run__public_id", "seq", "thread_id", "request_digest"
    )
    # Six columns, not three models: most sends look in vain.
    row = next(iter(rows[:1]), None)
    if row is None:
        return None
    message_id, thread_id, run_id, seq, thread, digest = row
    if digest != message.digest or run_id is None:
        raise ClientIDReused
    return Posted(
        message_id=message_id,
        thread_id=thread_id,
        run_id=run_id,
        seq=seq,
        thread=thread,
        duplicate=True,
    )


def _post(user: User, message: Outgoing) -> Posted:
    _require_verified(user)
    files = selectors.files_of(user=user.pk, file_ids=message.files)
    if len(files) != len(set(message.files)):
        raise FileNotFound
    thread = _thread_of(user, message)
    run_id = new_run_id()
    if message.interrupt:
        for active in Run.objects.filter(thread=thread, state__in=sorted(ACTIVE)):
            _stop(active)
    message_id = new_message_id()
    stored = _append_question(thread, message_id, message, files)
    entitled = _use_limits(user, run_id=run_id, message_id=message_id)
    run = Run.objects.create(public_id=run_id, thread=thread, user=user)
    _begin_run(run, message_id=message_id, entitled=entitled)
    row = Message.objects.create(
        public_id=message_id,
        thread=thread,
        user=user,
        run=run,
        role=Role.USER,
        text=message.text,
        seq=stored.seq,
        client_id=message.client_id,
        request_digest=message.digest,
        created_at=stored.ts,
    )
    taken = File.objects.filter(pk__in=[file.pk for file in files], message=None)
    # Another message, or the clean-up, may have been quicker since they were read.
    if files and taken.update(message=row) != len(files):
        raise FileNotFound
    _publish_row(user.public_id, _row_of(thread, at=stored.ts))
    return Posted(
        message_id=message_id,
        thread_id=thread.public_id,
        run_id=run_id,
        seq=stored.seq,
        duplicate=False,
        thread=thread.pk,
    )


def _use_limits(user: User, *, run_id: str, message_id: str) -> Entitlements:
    """Hold a run and count a message; after the thread's row, as in every writer."""
    entitled = entitlements_of(user)
    # In billing's order of limits.
    billing.reserve(user=user, feature=RUN_FEATURE, amount=1, key=run_id, entitled=entitled)
    billing.consume(user=user, feature=MESSAGE_FEATURE, amount=1, key=message_id, entitled=entitled)
    return entitled


def _require_verified(user: User) -> None:
    if must_verify_email(user):
        # A socket's user was read when it opened; they may have verified since, in another tab.
        user.refresh_from_db(fields=["verified_at"])
        if must_verify_email(user):
            raise AddressUnverified


def _append_question(
    thread: Thread, message_id: str, message: Outgoing, files: Sequence[File]
) -> StoredEvent:
    created = MessageCreated(
        message_id=message_id,
        role="user",
        text=message.text,
        client_id=message.client_id,
        files=tuple(FileRef(file_id=f.public_id, name=f.name, bytes=f.bytes) for f in files),
    )
    [stored] = log.append(
        thread=thread.pk, thread_id=thread.public_id, events=[NewEvent(data=created)]
    )
    return stored


def _begin_run(run: Run, *, message_id: str, entitled: Entitlements) -> None:
    """Give a new run its job, or let it wait for those ahead of it.

    The caller holds the thread's row: what is read here sees every earlier run.
    """
    others = Run.objects.filter(thread=run.thread, state__in=sorted(UNFINISHED))
    ahead = others.exclude(pk=run.pk).count()
    if ahead > QUEUED_RUNS_MAX:
        raise QueueFull
    if ahead == 0 and turns.begin(run, entitled=entitled):
        return
    # Of the thread, or else of all that the user has waiting.
    waiting = Run.objects.filter(user=run.user, state=RunState.QUEUED, job_id=None)
    queued = RunQueued(message_id=message_id, position=ahead or waiting.count())
    log.append(
        thread=run.thread_id,
        thread_id=run.thread.public_id,
        events=[NewEvent(data=queued, run_id=run.public_id)],
    )


def _row_of(thread: Thread, *, at: datetime) -> ThreadRow:
    """How a thread with a run stands in the list, without asking the database again."""
    return ThreadRow(
        thread_id=thread.public_id, title=thread.title, updated_at=timestamp(at), running=True
    )


def _publish_row(user_id: str, row: ThreadRow) -> None:
    frame = encode(Threads(threads=[row]))
    transaction.on_commit(lambda: bell.ring(bell.UserFrame(user_id=user_id, frame=frame)))


def _thread_of(user: User, message: Outgoing) -> Thread:
    if message.thread_id is None:
        return Thread.objects.create(user=user, title=_title_from(message.text))
    known = public_id(ThreadID, message.thread_id)
    thread = known and Thread.objects.filter(public_id=known, user=user).first()
    if not thread:
        raise ThreadNotFound
    return thread


def _title_from(text: str) -> str:
    line = next((part for part in text.splitlines() if part.strip()), "")
    words = " ".join(line.split())
    if len(words) <= TITLE_CHARS:
        return words
    return words[:TITLE_CHARS].rsplit(" ", 1)[0] + "…"


def _stop(run: Run) -> None:
    if run.state in TERMINAL or end_waiting_run(run, state=RunState.STOPPED):
        return
    unfinished = Run.objects.filter(pk=run.pk, state__in=sorted(UNFINISHED))
    asked = unfinished.filter(cancel_requested_at=None).update(cancel_requested_at=timezone.now())
    if asked and unfinished.filter(state=RunState.WAITING).exists():
        # Nobody works on it: a worker must come to end it.
        turns.defer(run)
        return
    job_id = Run.objects.values_list("job_id", flat=True).get(pk=run.pk)
    if job_id is not None:
        jobs.job_manager.cancel_job_by_id(job_id, abort=True)
