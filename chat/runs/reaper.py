"""Runs that nobody looks after any more: resumed where they may be, ended where not."""

from datetime import timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob

from chat import turns
from chat.delivery.log import Fenced
from chat.models import Run
from chat.protocol.events import Fault
from chat.runs.attempts import attempt_of, finish
from chat.runs.lifecycle import ACTIVE, ATTEMPTS_MAX, RunState
from netra.tally import TALLY

logger = structlog.get_logger(__name__)

REAPED_AT_ONCE_MAX: Final = 100
# A job is taken within milliseconds; a waiting run without one after this long was forgotten.
FORGOTTEN_AFTER: Final = timedelta(seconds=5)


def reap() -> int:
    """Resume or end every run whose worker was lost; gives how many there were."""
    runs = list(_abandoned().select_related("thread", "user").order_by("pk")[:REAPED_AT_ONCE_MAX])
    for run in runs:
        try:
            _look_after(run)
        except Exception:  # one run that cannot be helped must not keep the others from help
            logger.exception("an abandoned run could not be looked after", run_id=run.public_id)
    return len(runs)


def drop_orphaned_jobs() -> None:
    """Jobs whose worker is gone stay `doing` for ever; their runs are deferred anew by `reap`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL"
            " AND queue_name = %s",
            [turns.RUN_QUEUE],
        )


def _abandoned() -> QuerySet[Run]:
    pending = ProcrastinateJob.objects.filter(id=OuterRef("job_id"), status="todo")
    ahead = Run.objects.filter(
        turns.ahead_of(OuterRef("pk"), OuterRef("precedence")), thread=OuterRef("thread")
    )
    works = Run.objects.filter(thread=OuterRef("thread"), state__in=sorted(ACTIVE))
    # Those before one that has begun wait for it.
    next_ones = ~Exists(ahead) | (~Exists(works) & turns.begun())
    lost = Q(state=RunState.RUNNING, lease_until__lt=Now())
    # Whoever waits for a place of the user's plan is begun by the run that frees it.
    busy = Run.objects.filter(user=OuterRef("user"), ended_at=None, job_id__isnull=False).exclude(
        state=RunState.WAITING
    )
    waits = Q(state=RunState.QUEUED, created_at__lt=Now() - FORGOTTEN_AFTER)
    may_begin = Q(job_id__isnull=False) | ~Exists(busy)
    forgotten = ((waits & next_ones) | turns.decided()) & may_begin
    stopped = Q(state=RunState.WAITING, cancel_requested_at__isnull=False)
    return Run.objects.filter(lost | forgotten | stopped).exclude(Exists(pending))


def _look_after(run: Run) -> None:
    if run.state in (RunState.QUEUED, RunState.WAITING) or _may_resume(run):
        TALLY.runs_reaped.add("resumed")
        _defer_again(run)
        return
    TALLY.runs_reaped.add("ended")
    _end(run)


def _may_resume(run: Run) -> bool:
    return run.attempt < ATTEMPTS_MAX + run.handovers and run.cancel_requested_at is None


def _defer_again(run: Run) -> None:
    with transaction.atomic():
        # Of several reapers the first to lock the row defers; the others find a job that waits.
        mine = Run.objects.select_for_update(skip_locked=True).filter(
            pk=run.pk, job_id=run.job_id, attempt=run.attempt, ended_at=None
        )
        if mine.first() is None:
            return
        waits = run.cancel_requested_at is None and run.state != RunState.RUNNING
        if waits:
            turns.begin(run)
        else:
            turns.defer(run)


def _end(run: Run) -> None:
    stopped = run.cancel_requested_at is not None
    fault = Fault(
        code="worker_lost",
        message="The answer was interrupted twice on our side. Try again.",
        retryable=True,
    )
    try:
        finish(
            attempt_of(run, text=run.partial_text),
            status="stopped" if stopped else "failed",
            text=run.partial_text,
            usage=run.usage,
            error=None if stopped else fault,
        )
    except Fenced:
        logger.info("the run was ended elsewhere", run_id=run.public_id)
