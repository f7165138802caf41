"""What a user may do to threads: post, stop; each in one transaction."""

import hashlib
from collections.abc import Sequence
from itertools import takewhile

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from msgspec import Struct
from procrastinate.contrib.django import app as jobs

from accounts.models import User
from billing import services as billing
from chat import offers, paths, question_rows, questions, selectors, turns, uploads
from chat.delivery import log
from chat.errors import ClientIDReused, FileNotFound, RunNotFound, ThreadNotFound
from chat.models import File, Message, Run, Thread, new_thread_id, public_id
from chat.paths import Turn
from chat.protocol.events import AgentCompleted, AgentStarted, MessageMoved, NewEvent
from chat.protocol.frames import encode_value
from chat.question_rows import StoredQuestion
from chat.questions import Question
from chat.runs.lifecycle import ACTIVE, TERMINAL, UNFINISHED, RunState
from chat.titles import first_title
from netra import traces
from netra.ids import RunID, ThreadID
from netra.tally import TALLY


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
    model: str | None = None
    # Instead of `thread_id`: the thread that its client calls so, or a new one of that name.
    external_id: str | None = None
    # What the thread shall be called that it begins, where whoever posts it listens to it already.
    new_thread_id: str | None = None

    @property
    def is_plain(self) -> bool:
        """Is it a text and no more, in a thread that is known by its own id?"""
        return not (self.files or self.interrupt or self.model or self.external_id)

    @property
    def digest(self) -> str:
        return digest_of(self.external_id or self.thread_id, self.text, self.files)


def digest_of(*parts: object) -> str:
    """What tells a frame that is sent again from another one with the same `client_id`."""
    return hashlib.sha256(encode_value(parts).encode()).hexdigest()


def post_message(*, user: User, message: Outgoing) -> Posted:
    """Store a message with its run and its job; exactly once per `client_id`.

    Raises AddressUnverified, ThreadNotFound, FileNotFound, ThreadFilesFull, ModelNotFound,
    ClientIDReused, QueueFull, and billing's LimitReached.
    """
    ids = {"client_id": message.client_id, "digest": message.digest}
    try:
        with traces.span("store"), transaction.atomic():
            return posted_before(user, **ids) or _post(user, message)
    except IntegrityError as error:
        # Another connection stored the same client_id between our look and our insert.
        if "message_client_id_once" not in str(error):
            raise
    posted = posted_before(user, **ids)
    if posted is None:
        raise ClientIDReused
    return posted


def stop_run(*, user: User, run_id: str) -> Run:
    """Ask a run to stop; one that waits ends here, one that runs is told. Idempotent."""
    known = public_id(RunID, run_id)
    mine = Run.objects.filter(public_id=known, user=user, thread__purge_at=None)
    run = mine.select_related("thread").first() if known else None
    if run is None:
        raise RunNotFound
    with transaction.atomic():
        _stop(run)
    return run


def stop_each(runs: QuerySet[Run]) -> None:
    """Ask all of these runs to stop, in the caller's transaction, before it locks the thread."""
    # All rows first, and in one order: a worker takes a run's row before its thread's.
    held = runs.select_related("thread", "user").select_for_update(no_key=True, of=("self",))
    for run in reversed(held.order_by("pk")):
        _stop(run)


def end_waiting_run(run: Run, *, state: RunState) -> bool:
    """End a run that never started: both of its bracket events, one after the other."""
    ended = Run.objects.filter(pk=run.pk, state=RunState.QUEUED).update(
        state=state, ended_at=timezone.now()
    )
    if not ended:
        return False
    started = AgentStarted(
        model=run.model,
        trigger=run.trigger,  # type: ignore[arg-type]  # held by the column
        question_id=run.question.public_id,
    )
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
    transaction.on_commit(lambda: TALLY.runs_ended.add(state.value))
    questions.publish_thread_row(thread=run.thread_id, user_id=run.user.public_id)
    return True


def first_waiting(turns: Sequence[Turn], which: Q | None = None) -> Message | None:
    """The first question, of those at the end of a branch, that waits and can be overtaken.

    `turns` are the newest first; `which` says of a run that waits whether it can be.
    """
    runs = Run.objects.filter(pk__in=[turn.run for turn in turns])
    # A question that was answered before stays where it was: that branch is not to be rewritten.
    alone = runs.annotate(answers=Count("question__answers")).filter(answers=1)
    # What has its job begins, whatever goes before the others.
    waits = alone.filter(which or Q(), state=RunState.QUEUED, job_id=None)
    waiting = set(waits.values_list("pk", flat=True))
    taken_off = alone.filter(state=RunState.STOPPED, started_at=None)
    passed = waiting.union(taken_off.values_list("pk", flat=True))
    newest = takewhile(lambda turn: turn.run in passed, turns)
    overtaken = [turn for turn in newest if turn.run in waiting]
    if not overtaken:
        return None
    return Message.objects.select_related("after").get(pk=overtaken[-1].question)


def move(thread: Thread, message: Message, *, after: Run | None) -> None:
    """Let a message that waits follow another answer, or begin the thread."""
    Message.objects.filter(pk=message.pk).update(after=after)
    after_run_id = after.public_id if after else None
    questions.append(thread, MessageMoved(message_id=message.public_id, after_run_id=after_run_id))


def posted_before(user: User, *, client_id: str, digest: str) -> Posted | None:
    """What an earlier frame with this `client_id` stored; raises ClientIDReused for another one."""
    row = question_rows.posted(user=user.pk, client_id=client_id)
    if row is None:
        return None
    if row.digest != digest:
        raise ClientIDReused
    return Posted(
        message_id=row.message_id,
        thread_id=row.thread_id,
        run_id=row.run_id,
        seq=row.seq,
        thread=row.thread,
        duplicate=True,
    )


def _post(user: User, message: Outgoing) -> Posted:
    questions.require_verified(user)
    files = selectors.files_of(user=user.pk, file_ids=message.files)
    if len(files) != len(set(message.files)):
        raise FileNotFound
    thread = _thread_of(user, message)
    if files:
        uploads.require_room_in(thread, user=user, files=files)
    offers.choose(user=user, thread=thread, model=message.model)
    waiting = _overtaken(thread) if message.interrupt else None
    question = Question(
        text=message.text,
        client_id=message.client_id,
        digest=message.digest,
        after=waiting.after_id if waiting else thread.tip_id,
        files=files,
        is_urgent=message.interrupt,
        is_shown=waiting is None,
    )
    asked = questions.ask(user=user, thread=thread, question=question)
    if waiting is not None:
        move(thread, waiting, after=Run.objects.get(pk=asked.run))
    if files:
        _take_files(files, asked)
    questions.publish_asked(thread, user_id=user.public_id, at=asked.at)
    return posted_now(thread, asked)


def posted_now(thread: Thread, asked: StoredQuestion) -> Posted:
    """What became of a message that was not there before."""
    traces.note(message_id=asked.message_id, thread_id=thread.public_id, run_id=asked.run_id)
    return Posted(
        message_id=asked.message_id,
        thread_id=thread.public_id,
        run_id=asked.run_id,
        seq=asked.seq,
        duplicate=False,
        thread=thread.pk,
    )


def _thread_of(user: User, message: Outgoing) -> Thread:
    """The thread, locked; what an interrupting message finds at work there is stopped."""
    if message.external_id is not None:
        return _named_thread(user, message.external_id, message)
    if message.thread_id is None:
        return _new_thread(user, message)
    if message.interrupt:
        key = selectors.thread_key(user=user.pk, thread_id=message.thread_id)
        stop_each(Run.objects.filter(thread=key, state__in=sorted(ACTIVE)))
    known = public_id(ThreadID, message.thread_id)
    thread = known and question_rows.locked_thread_of(user=user.pk, thread_id=known)
    if not thread:
        raise ThreadNotFound
    return thread


def _new_thread(user: User, message: Outgoing) -> Thread:
    """One that is stored with its question, unless that asks for more than a row of its own."""
    thread_id = message.new_thread_id or new_thread_id()
    thread = Thread(public_id=thread_id, user=user, title=first_title(message.text))
    if message.files or message.model:
        thread.save(force_insert=True)
    return thread


def _named_thread(user: User, name: str, message: Outgoing) -> Thread:
    thread, is_new = Thread.objects.get_or_create(
        user=user, external_id=name, defaults={"title": first_title(message.text)}
    )
    if thread.is_deleted:
        raise ThreadNotFound
    return thread if is_new else questions.locked(thread.pk)


def _overtaken(thread: Thread) -> Message | None:
    """The first message at the end of the branch that waits, and can be overtaken."""
    if thread.tip_id is None:
        return None
    newest = paths.path_to(thread.tip_id, limit=paths.WAITING_TURNS_MAX)
    return first_waiting(newest, Q(precedence=0))


def _take_files(files: list[File], asked: StoredQuestion) -> None:
    free = File.objects.filter(pk__in=[file.pk for file in files], message=None)
    # Another message, or the clean-up, may have been quicker since they were read.
    if free.update(message=asked.message) != len(files):
        raise FileNotFound


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
