"""Whose turn it is: a run begins when its thread is free and its user's plan allows one more."""

from typing import Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing import services as billing
from billing.entitlements import Entitlements
from billing.errors import LimitReached
from billing.selectors import entitlements_of
from billing.services import Need
from chat.models import Run, ToolCall
from chat.protocol.frames import encode_value
from chat.runs.lifecycle import ACTIVE, CallState, RunState
from netra import traces

RUN_QUEUE: Final = "runs"
RUN_TASK: Final = "chat.runs.tasks.execute_run"
# The billing feature that a run takes a place of while it works.
SLOT_FEATURE: Final = "concurrent_runs"
# More than any plan has places.
BEGUN_AT_ONCE_MAX: Final = 50


# Of the statements that `job` is part of.
JOB_VALUES: Final = {"queue": RUN_QUEUE, "task": RUN_TASK}


def job(priority: str, args: str) -> str:
    """What procrastinate's own `defer` says to PostgreSQL, for other statements to take in."""
    return (
        "unnest(procrastinate_defer_jobs_v1(ARRAY[ROW("
        f"%(queue)s, %(task)s, {priority}, NULL, NULL, {args}, NULL"
        ")::procrastinate_job_to_defer_v1]))"
    )


_DEFER: Final = f"""
WITH job AS MATERIALIZED (SELECT {job("%(priority)s", "%(args)s::jsonb")} AS id)
UPDATE chat_run SET job_id = job.id FROM job WHERE chat_run.id = %(run)s RETURNING job_id
"""  # noqa: S608  constants only


def slot_key(run: Run) -> str:
    """The key of the run's place; another one after each time it has waited for an approval."""
    return _slot_key(run.public_id, run.waits)


def first_slot_key(run_id: str) -> str:
    """The same of a run that is still to be stored."""
    return _slot_key(run_id, 0)


def begin(run: Run, *, entitled: Entitlements | None = None) -> bool:
    """Put the run's job on the queue, in the caller's transaction; False when it must wait."""
    entitled = entitled or entitlements_of(run.user)
    place = Need(feature=SLOT_FEATURE, key=slot_key(run), lapses=False)
    [answer] = billing.reserve_each(user=run.user, needs=[place], entitled=entitled)
    if isinstance(answer, LimitReached):
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
    # In traces of their own: they were sent in others than the run that ends.
    with traces.within(""):
        for one in waiting.select_for_update(skip_locked=True, no_key=True)[:BEGUN_AT_ONCE_MAX]:
            if not begin(one):
                return


def defer(run: Run, *, priority: int = 0) -> None:
    """Put a job for the run on the queue, whatever its user may have."""
    args = encode_value(job_args(run.public_id))
    values: dict[str, Any] = {**JOB_VALUES, "priority": priority, "args": args, "run": run.pk}
    with connection.cursor() as cursor:
        cursor.execute(_DEFER, values)
        [run.job_id] = cursor.fetchone()


def job_args(run_id: str) -> dict[str, str]:
    """What the job of a run is told."""
    return {"run_id": run_id, **traces.carried()}


def ahead_of(pk: int | OuterRef, precedence: int | OuterRef) -> Q:
    """The runs of a thread whose turn comes before that of a waiting one, or is now."""
    earlier = Q(precedence__gt=precedence) | Q(precedence=precedence, pk__lt=pk)
    return Q(state__in=sorted(ACTIVE)) | Q(earlier, state=RunState.QUEUED)


def begun() -> Q:
    """Runs that have their job: they are claimed in a moment, whatever goes before the others."""
    return Q(state=RunState.QUEUED, job_id__isnull=False)


def decided() -> Q:
    """Runs that waited for an approval and need not any more."""
    undecided = ToolCall.objects.filter(run=OuterRef("pk"), status=CallState.WAITING)
    return Q(~Exists(undecided), state=RunState.WAITING)


def _slot_key(run_id: str, waits: int) -> str:
    return f"slot/{run_id}/{waits}"


def _next_ones(user: int) -> QuerySet[Run]:
    """The runs that nothing but their user's plan keeps from working."""
    ahead = Run.objects.filter(
        ahead_of(OuterRef("pk"), OuterRef("precedence")) | begun(), thread=OuterRef("thread")
    )
    first = Q(state=RunState.QUEUED) & ~Exists(ahead)
    return Run.objects.filter(first | decided(), user_id=user, job_id=None)
