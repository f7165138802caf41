"""Whose turn it is: a run begins when its thread is free and its user's plan allows one more."""

from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from procrastinate.contrib.django import app as jobs

from billing import services as billing
from billing.entitlements import Entitlements
from billing.errors import LimitReached
from billing.selectors import entitlements_of
from chat.models import Run, ToolCall
from chat.runs.lifecycle import ACTIVE, CallState, RunState

RUN_QUEUE: Final = "runs"
RUN_TASK: Final = "chat.runs.tasks.execute_run"
# The billing feature that a run takes a place of while it works.
SLOT_FEATURE: Final = "concurrent_runs"
# More than any plan has places.
BEGUN_AT_ONCE_MAX: Final = 50


def slot_key(run: Run) -> str:
    """The key of the run's place; another one after each time it has waited for an approval."""
    return f"slot/{run.public_id}/{run.waits}"


def begin(run: Run, *, entitled: Entitlements | None = None) -> bool:
    """Put the run's job on the queue, in the caller's transaction; False when it must wait."""
    entitled = entitled or entitlements_of(run.user)
    try:
        billing.reserve(
            user=run.user, feature=SLOT_FEATURE, amount=1, key=slot_key(run), entitled=entitled
        )
    except LimitReached:
        return False
    defer(run, priority=entitled.tier.rank)
    return True


def end(run: Run) -> None:
    """Free the place of a run that works no more, and begin what has waited for it.

    In the transaction that ends the run, and in this order: whoever found no place holds the
    counter until it has committed, and is seen here.
    """
    billing.release(key=slot_key(run))
    waiting = _next_ones(run.user_id).order_by("-precedence", "pk")
    # Never waited for: whoever holds a row claims or ends that run, and looks on itself.
    for one in waiting.select_for_update(skip_locked=True, no_key=True)[:BEGUN_AT_ONCE_MAX]:
        if not begin(one):
            return


def defer(run: Run, *, priority: int = 0) -> None:
    """Put a job for the run on the queue, whatever its user may have."""
    task = jobs.configure_task(RUN_TASK, queue=RUN_QUEUE, priority=priority, allow_unknown=True)
    run.job_id = task.defer(run_id=run.public_id)
    Run.objects.filter(pk=run.pk).update(job_id=run.job_id)


def ahead_of(pk: int | OuterRef, precedence: int | OuterRef) -> Q:
    """The runs of a thread whose turn comes before that of a waiting one, or is now."""
    earlier = Q(precedence__gt=precedence) | Q(precedence=precedence, pk__lt=pk)
    return Q(state__in=sorted(ACTIVE)) | Q(earlier, state=RunState.QUEUED)


def decided() -> Q:
    """Runs that waited for an approval and need not any more."""
    undecided = ToolCall.objects.filter(run=OuterRef("pk"), status=CallState.WAITING)
    return Q(~Exists(undecided), state=RunState.WAITING)


def _next_ones(user: int) -> QuerySet[Run]:
    """The runs that nothing but their user's plan keeps from working."""
    ahead = Run.objects.filter(
        ahead_of(OuterRef("pk"), OuterRef("precedence")), thread=OuterRef("thread")
    )
    first = Q(state=RunState.QUEUED) & ~Exists(ahead)
    return Run.objects.filter(first | decided(), user_id=user, job_id=None)
