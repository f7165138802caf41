"""How a question enters a thread, with the run that will answer it; all inside a transaction.

The caller has locked the thread's row: what is read here sees every earlier question and run.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from msgspec import Struct, field
from msgspec.structs import replace

from accounts.models import User
from accounts.selectors import must_verify_email
from billing import services as billing
from billing.entitlements import Entitlements
from billing.errors import LimitReached
from billing.selectors import entitlements_of
from billing.services import Need
from chat import question_rows, selectors, turns
from chat.delivery import bell, log
from chat.errors import AddressUnverified, QueueFull, ThreadNotFound
from chat.models import File, Run, Thread, new_message_id, new_run_id
from chat.protocol.events import (
    EventData,
    MessageCreated,
    NewEvent,
    RunQueued,
    StoredEvent,
    Trigger,
    encode_data,
    timestamp,
)
from chat.protocol.frames import ThreadRow, Threads, encode
from chat.question_rows import QuestionRows, StoredQuestion
from chat.runs.lifecycle import UNFINISHED, RunState

QUEUED_RUNS_MAX: Final = 50
# The billing feature that one run uses up.
RUN_FEATURE: Final = "runs_month"
MESSAGE_FEATURE: Final = "messages_minute"


class Question(Struct, frozen=True, kw_only=True):
    """What is asked, and where: after that run, as another version of that message."""

    text: str
    client_id: str
    digest: str
    # The key of a run.
    after: int | None
    files: Sequence[File] = ()
    # The key of a message.
    version_of: int | None = None
    trigger: Trigger = "send"
    # Whether it goes before all that wait in the thread.
    is_urgent: bool = False
    # Whether the branch is shown from now on that it ends.
    is_shown: bool = True


class Asked(Struct, frozen=True, kw_only=True):
    """A question in its thread, with the ids that it and its run will have."""

    thread: Thread
    question: Question
    message_id: str = field(default_factory=new_message_id)
    run_id: str = field(default_factory=new_run_id)

    def rows(self, after_id: str | None, *, priority: int | None) -> QuestionRows:
        """What is to be stored of it; `after_id` is public, `priority` its job's, if it has one."""
        question = self.question
        created = MessageCreated(
            message_id=self.message_id,
            role="user",
            text=question.text,
            client_id=question.client_id,
            files=tuple(selectors.file_ref(file) for file in question.files),
            after_run_id=after_id,
        )
        return QuestionRows(
            user=self.thread.user_id,
            thread=self.thread.pk,
            thread_id=self.thread.public_id,
            title=self.thread.title,
            message_id=self.message_id,
            run_id=self.run_id,
            text=question.text,
            client_id=question.client_id,
            digest=question.digest,
            data=encode_data(created),
            after=question.after,
            version_of=question.version_of,
            trigger=question.trigger,
            precedence=int(question.is_urgent),
            is_shown=question.is_shown,
            priority=priority,
            args=turns.job_args(self.run_id),
        )


def locked(thread: int) -> Thread:
    """The thread, which nobody else adds to until this transaction ends.

    Raises ThreadNotFound.
    """
    found = question_rows.locked_thread(key=thread)
    if found is None:
        # Deleted since it was looked for.
        raise ThreadNotFound
    return found


def ask(*, user: User, thread: Thread, question: Question) -> StoredQuestion:
    """Store a question with its run, and its thread where that is not stored yet.

    Raises QueueFull, and billing's LimitReached.
    """
    asked = Asked(thread=thread, question=question)
    after_id, is_busy = None, False
    if thread.pk is not None:
        after_id, is_busy = question_rows.surroundings(thread=thread.pk, after=question.after)
    entitled, begins = use_limits(
        user, run_id=asked.run_id, message_id=asked.message_id, may_begin=not is_busy
    )
    rows = asked.rows(after_id, priority=entitled.tier.rank if begins else None)
    [stored] = question_rows.store([rows], ts=timezone.now())
    thread.pk = stored.thread
    log.publish(thread.public_id, [stored.event(rows.data)])
    if not begins:
        run = Run.objects.select_related("thread", "user", "question").get(pk=stored.run)
        begin_answer(run, entitled=entitled)
    return stored


def begin_answer(run: Run, *, entitled: Entitlements) -> None:
    """Give a new run its job, or let it wait for those ahead of it; raises QueueFull."""
    others = Run.objects.filter(thread=run.thread, state__in=sorted(UNFINISHED))
    ahead = others.exclude(pk=run.pk)
    if ahead.count() > QUEUED_RUNS_MAX:
        raise QueueFull
    position = ahead.filter(turns.ahead_of(run.pk, run.precedence) | turns.begun()).count()
    if position == 0 and turns.begin(run, entitled=entitled):
        return
    # Of the thread, or else of all that the user has waiting.
    waiting = Run.objects.filter(user=run.user, state=RunState.QUEUED, job_id=None)
    queued = RunQueued(message_id=run.question.public_id, position=position or waiting.count())
    append(run.thread, queued, run_id=run.public_id)


def use_limits(
    user: User, *, run_id: str, message_id: str, may_begin: bool = False
) -> tuple[Entitlements, bool]:
    """Hold a run and count a message; after the thread's row, as in every writer.

    Of a run that may begin also a place, if there is one: whether it has it comes second.
    """
    entitled = entitlements_of(user)
    needs = needs_of(run_id, message_id, may_begin=may_begin)
    answers = billing.reserve_each(user=user, needs=needs, entitled=entitled)
    for answer in answers[:2]:
        if isinstance(answer, LimitReached):
            raise answer
    return entitled, may_begin and not isinstance(answers[2], LimitReached)


def needs_of(run_id: str, message_id: str, *, may_begin: bool) -> list[Need]:
    """What a question takes of its user's limits, in billing's order of them."""
    # What a run holds it holds as long as its row has not ended.
    needs = [
        Need(feature=RUN_FEATURE, key=run_id, lapses=False),
        Need(feature=MESSAGE_FEATURE, key=message_id, is_used=True),
    ]
    if may_begin:
        place = turns.first_slot_key(run_id)
        needs.append(Need(feature=turns.SLOT_FEATURE, key=place, lapses=False))
    return needs


def require_verified(user: User) -> None:
    if must_verify_email(user):
        # A socket's user was read when it opened; they may have verified since, in another tab.
        user.refresh_from_db(fields=["verified_at"])
        if must_verify_email(user):
            raise AddressUnverified


def append(thread: Thread, data: EventData, *, run_id: str | None = None) -> StoredEvent:
    """One event of the thread's log."""
    [stored] = log.append(
        thread=thread.pk, thread_id=thread.public_id, events=[NewEvent(data=data, run_id=run_id)]
    )
    return stored


def show(thread: Thread, run: Run) -> None:
    """Let the branch be shown that ends in this run; the next message follows it.

    Whoever asks has read what was answered before.
    """
    Thread.objects.filter(pk=thread.pk).update(tip=run, read_seq=F("head"))


def publish_thread_row(*, thread: int, user_id: str) -> ThreadRow:
    """Tell the user's sockets how a thread now stands in the list, after commit."""
    row = selectors.thread_row(thread=thread)
    _publish_row(user_id, row)
    return row


def publish_asked(thread: Thread, *, user_id: str, at: datetime) -> None:
    """The same of a thread that was just asked something, without asking the database again."""
    ring = asked_ring(thread, user_id=user_id, at=at)
    transaction.on_commit(lambda: bell.ring(ring))


def asked_ring(thread: Thread, *, user_id: str, at: datetime) -> bell.UserFrame:
    """What tells the user's sockets how a thread stands that was just asked something."""
    row = selectors.row_of(thread, is_running=True)
    row = replace(row, updated_at=timestamp(at), unread=False)
    return bell.UserFrame(user_id=user_id, frame=encode(Threads(threads=[row])))


def _publish_row(user_id: str, row: ThreadRow) -> None:
    frame = encode(Threads(threads=[row]))
    transaction.on_commit(lambda: bell.ring(bell.UserFrame(user_id=user_id, frame=frame)))
