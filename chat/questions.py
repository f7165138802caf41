"""How a question enters a thread, with the run that will answer it; all inside a transaction.

The caller has locked the thread's row: what is read here sees every earlier question and run.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F
from msgspec import Struct
from msgspec.structs import replace

from accounts.models import User
from accounts.selectors import must_verify_email
from billing import services as billing
from billing.entitlements import Entitlements
from billing.selectors import entitlements_of
from chat import selectors, turns
from chat.delivery import bell, log
from chat.errors import AddressUnverified, QueueFull, ThreadNotFound
from chat.models import File, Message, Role, Run, Thread, new_message_id, new_run_id
from chat.protocol.events import (
    EventData,
    MessageCreated,
    NewEvent,
    RunQueued,
    StoredEvent,
    Trigger,
    timestamp,
)
from chat.protocol.frames import ThreadRow, Threads, encode
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
    after: Run | None
    files: Sequence[File] = ()
    version_of: Message | None = None
    trigger: Trigger = "send"
    # Whether it goes before all that wait in the thread.
    is_urgent: bool = False


def locked(thread: int) -> Thread:
    """The thread, which nobody else adds to until this transaction ends.

    Raises ThreadNotFound.
    """
    # Without its tip: a join is not read again after the wait, and a tip that has changed meanwhile
    # would be none.
    found = Thread.objects.select_for_update(no_key=True).filter(pk=thread, purge_at=None).first()
    if found is None:
        # Deleted since it was looked for.
        raise ThreadNotFound
    return found


def ask(*, user: User, thread: Thread, question: Question) -> tuple[Message, Run]:
    """Store a question with its run; raises QueueFull, and billing's LimitReached."""
    message_id, run_id = new_message_id(), new_run_id()
    stored = _append_question(thread, message_id, question)
    entitled = use_limits(user, run_id=run_id, message_id=message_id)
    message = Message.objects.create(
        public_id=message_id,
        thread=thread,
        user=user,
        role=Role.USER,
        text=question.text,
        seq=stored.seq,
        after=question.after,
        version_of=question.version_of,
        client_id=question.client_id,
        request_digest=question.digest,
        created_at=stored.ts,
    )
    run = Run.objects.create(
        public_id=run_id,
        thread=thread,
        user=user,
        question=message,
        trigger=question.trigger,
        precedence=int(question.is_urgent),
    )
    begin_answer(run, entitled=entitled)
    return message, run


def begin_answer(run: Run, *, entitled: Entitlements) -> None:
    """Give a new run its job, or let it wait for those ahead of it; raises QueueFull."""
    others = Run.objects.filter(thread=run.thread, state__in=sorted(UNFINISHED))
    ahead = others.exclude(pk=run.pk)
    if ahead.count() > QUEUED_RUNS_MAX:
        raise QueueFull
    position = ahead.filter(turns.ahead_of(run.pk, run.precedence)).count()
    if position == 0 and turns.begin(run, entitled=entitled):
        return
    # Of the thread, or else of all that the user has waiting.
    waiting = Run.objects.filter(user=run.user, state=RunState.QUEUED, job_id=None)
    queued = RunQueued(message_id=run.question.public_id, position=position or waiting.count())
    append(run.thread, queued, run_id=run.public_id)


def use_limits(user: User, *, run_id: str, message_id: str) -> Entitlements:
    """Hold a run and count a message; after the thread's row, as in every writer."""
    entitled = entitlements_of(user)
    # In billing's order of limits.
    billing.reserve(user=user, feature=RUN_FEATURE, amount=1, key=run_id, entitled=entitled)
    billing.consume(user=user, feature=MESSAGE_FEATURE, amount=1, key=message_id, entitled=entitled)
    return entitled


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
    row = selectors.row_of(thread, is_running=True)
    _publish_row(user_id, replace(row, updated_at=timestamp(at), unread=False))


def _append_question(thread: Thread, message_id: str, question: Question) -> StoredEvent:
    created = MessageCreated(
        message_id=message_id,
        role="user",
        text=question.text,
        client_id=question.client_id,
        files=tuple(selectors.file_ref(file) for file in question.files),
        after_run_id=question.after.public_id if question.after else None,
    )
    return append(thread, created)


def _publish_row(user_id: str, row: ThreadRow) -> None:
    frame = encode(Threads(threads=[row]))
    transaction.on_commit(lambda: bell.ring(bell.UserFrame(user_id=user_id, frame=frame)))
