"""Deletion of threads: into the bin, back, or for ever."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chat import erasure, questions, services
from chat.errors import ThreadNotFound
from chat.models import Run, Thread, public_id
from chat.protocol.frames import ThreadRow
from chat.runs.lifecycle import UNFINISHED
from netra.ids import ThreadID

THREADS_BIN_LIFE: Final = timedelta(days=30)


def delete_thread(*, user: User, thread_id: str) -> None:
    """Put a thread into the bin, where nobody reads it, and stop its runs; raises ThreadNotFound.

    From there it may be restored for 30 days, and is then removed with all that was said in it.
    """
    _bin(user, thread_id, purge_at=timezone.now() + THREADS_BIN_LIFE, from_bin=False)


def delete_for_ever(*, user: User, thread_id: str) -> None:
    """Remove a thread at once, from the bin too; raises ThreadNotFound.

    What still runs in it is stopped first: then a worker removes it within seconds.
    """
    now = timezone.now()
    thread = _bin(user, thread_id, purge_at=now, from_bin=True)
    erasure.purge(Thread.objects.filter(pk=thread, purge_at__lte=now))


def restore_thread(*, user: User, thread_id: str) -> ThreadRow:
    """Take a thread out of the bin, to where it was; raises ThreadNotFound."""
    with transaction.atomic():
        thread = _held(user, thread_id)
        if not thread.is_deleted:
            raise ThreadNotFound
        Thread.objects.filter(pk=thread.pk).update(purge_at=None)
        return questions.publish_thread_row(thread=thread.pk, user_id=user.public_id)


def _bin(user: User, thread_id: str, *, purge_at: datetime, from_bin: bool) -> int:
    with transaction.atomic():
        thread = _held(user, thread_id)
        if thread.is_deleted and not from_bin:
            raise ThreadNotFound
        Thread.objects.filter(pk=thread.pk).update(purge_at=purge_at)
        questions.publish_thread_row(thread=thread.pk, user_id=user.public_id)
    # Only now, when nobody can add another one; and a run's row is taken before its thread's.
    with transaction.atomic():
        services.stop_each(Run.objects.filter(thread=thread, state__in=sorted(UNFINISHED)))
    return thread.pk


def _held(user: User, thread_id: str) -> Thread:
    """The thread, in the bin or not, kept from other changes until this transaction ends."""
    known = public_id(ThreadID, thread_id)
    mine = Thread.objects.select_for_update(no_key=True).filter(public_id=known, user=user)
    thread = mine.first() if known else None
    if thread is None or thread.is_gone:
        raise ThreadNotFound
    return thread
