"""Removing what people wrote whose account is deleted."""

from typing import Final

from django.db import transaction

from accounts.models import User
from chat import services
from chat.models import DeadLetter, File, Run, Thread
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
    unfinished = Run.objects.filter(user__in=gone, state__in=sorted(UNFINISHED))
    with transaction.atomic():
        some = list(unfinished.order_by("pk").values_list("pk", flat=True)[:RUNS_AT_ONCE])
        services.stop_each(Run.objects.filter(pk__in=some))
    DeadLetter.objects.filter(user__in=gone).delete()
    for file in File.objects.filter(user__in=gone)[:FILES_AT_ONCE]:
        # First the content: a row without it is tried again, content without a row never.
        file.content.delete(save=False)
        file.delete()
    # A run that still ends writes to its thread.
    busy = Run.objects.filter(state__in=sorted(UNFINISHED)).values("thread")
    threads = Thread.objects.filter(user__in=gone).exclude(pk__in=busy)[:THREADS_AT_ONCE]
    for thread in threads:
        thread.delete()
    return len(threads)
