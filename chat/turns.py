"""Whose turn it is: a run begins when its thread is free and its user's plan allows one more."""

from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing import services as billing
from billing.entitlements import Entitlements
from billing.errors import LimitReached
from billing.selectors import entitlements_of
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


# What procrastinate's own `defer` says to PostgreSQL, so that other statements can take it in.
JOB: Final = """
SELECT unnest(procrastinate_defer_jobs_v1(ARRAY[ROW(
    %(queue)s, %(task)s, %(priority)s, NULL, NULL, %(args)s::jsonb, NULL
)::procrastinate_job_to_defer_v1])) AS id
"""
_DEFER: Final = f"""
WITH job AS MATERIALIZED ({JOB})
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
    try:
        billing.reserve(
            user=run.user,
            feature=SLOT_FEATURE,
            amount=1,
            key=slot_key(run),
            entitled=entitled,
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
    # In traces of their own: they were sent in others than the run that ends.
    with traces.within(""):
        for one in waiting.select_for_update(skip_locked=True, no_key=True)[:BEGUN_AT_ONCE_MAX]:
            if not begin(one):
                return


def defer(run: Run, *, priority: int = 0) -> None:
    """Put a job for the run on the queue, whatever its user may have."""
    values = {**job_values(run.public_id, priority=priority), "run": run.pk}
    with connection.cursor() as cursor:
        cursor.execute(_DEFER, values)
        [run.job_id] = cursor.fetchone()


def job_values(run_id: str, *, priority: int) -> dict[str, str | int]:
    """The values of JOB."""
    args = encode_value({"run_id": run_id, **traces.carried()})
    return {"queue": RUN_QUEUE, "task": RUN_TASK, "priority": priority, "args": args}


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
