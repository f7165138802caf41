"""Removing for ever: what people wrote whose account is deleted, threads whose time is over."""

from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from chat import services, uploads
from chat.models import DeadLetter, File, Folder, Prompt, Run, Thread
from chat.runs.lifecycle import UNFINISHED

# What one call removes: the worker comes back a few seconds later for the rest.
THREADS_AT_ONCE: Final = 50
FILES_AT_ONCE: Final = 200
RUNS_AT_ONCE: Final = 200


def erase_deleted() -> int:
    """Remove some of the threads, files and dead letters of deleted accounts; how many threads.

    What was used stays counted by day and model, without a word of what was said.
    """
    gone = User.objects.filter(deleted_at__isnull=False)
    DeadLetter.objects.filter(user__in=gone).delete()
    Folder.objects.filter(user__in=gone).delete()
    Prompt.objects.filter(user__in=gone).delete()
    _remove_files(File.objects.filter(user__in=gone))
    return purge(Thread.objects.filter(user__in=gone))


def empty_bin() -> int:
    """Remove some of the threads whose time in the bin is over; gives how many.

    Their messages go with the `client_id`s that these were stored under: sent once more, such a
    frame is a new one. What was used stays counted by day and model, the ledger as it is.
    """
    return purge(Thread.objects.filter(purge_at__lte=timezone.now()))


def purge(threads: QuerySet[Thread]) -> int:
    """Remove some of these threads, to which nobody adds any more; stops what runs in them."""
    unfinished = Run.objects.filter(thread__in=threads, state__in=sorted(UNFINISHED))
    with transaction.atomic():
        some = list(unfinished.order_by("pk").values_list("pk", flat=True)[:RUNS_AT_ONCE])
        services.stop_each(Run.objects.filter(pk__in=some))
    # A run that still ends writes to its thread.
    busy = Run.objects.filter(state__in=sorted(UNFINISHED)).values("thread")
    ready = threads.exclude(pk__in=busy).order_by("pk")[:THREADS_AT_ONCE]
    removed = 0
    for thread in ready:
        files = File.objects.filter(message__thread=thread)
        _remove_files(files)
        # One with more files than that is come back for.
        if not files.exists():
            thread.delete()
            removed += 1
    return removed


def _remove_files(files: QuerySet[File]) -> None:
    some = files.order_by("pk").values_list("pk", flat=True)[:FILES_AT_ONCE]
    uploads.remove_files(File.objects.filter(pk__in=list(some)))
