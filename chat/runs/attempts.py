"""One attempt at a run, as the database sees it: claim, checkpoint, journal, finish.

Every write names the attempt, so that a worker which was thought dead cannot write any more.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from msgspec import UNSET, to_builtins

from billing import services as billing
from chat import questions, turns
from chat.delivery import log
from chat.delivery.log import Fenced
from chat.models import Message, Role, Run, ToolCall, new_message_id
from chat.protocol.events import (
    AgentCompleted,
    AgentStarted,
    ApprovalResolved,
    CitationAdded,
    EventData,
    Fault,
    LimitReachedEvent,
    MessageCompleted,
    MessageCreated,
    NewEvent,
    RunResumed,
    RunStatus,
    StoredEvent,
    ToolCompleted,
    ToolExecuting,
    UsageUpdated,
)
from chat.protocol.frames import encode_value
from chat.runs.lifecycle import ATTEMPTS_MAX, OPEN_CALLS, CallState, RunState
from chat.usage import add_to_day
from netra import traces
from netra.tally import TALLY

# A worker renews each second; five missed renewals, and another worker takes the run.
LEASE: Final = timedelta(seconds=5)
CITATIONS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a worker must know of the run it claimed."""

    run: int
    run_id: str
    thread: int
    thread_id: str
    user: int
    user_id: str
    attempt: int
    trigger: str
    agent_name: str
    model: str
    # A stop was asked for while nobody worked on it.
    is_stopped: bool
    # The text that finished steps of earlier attempts cover, their model messages, their usage.
    text: str
    history: str
    usage: dict[str, Any]


def claim(run_id: str, *, agent_name: str, model: str) -> Attempt | None:
    """Take a waiting run, or one whose worker was lost; None when it is not to be had."""
    try:
        with transaction.atomic():
            return _claim(run_id, agent_name=agent_name, model=model)
    except IntegrityError as error:
        # The thread has an active run; the one that finishes it begins this one.
        if "run_one_active_per_thread" not in str(error):
            raise
        return None


def _claim(run_id: str, *, agent_name: str, model: str) -> Attempt | None:
    runs = Run.objects.filter(public_id=run_id, attempt__lt=ATTEMPTS_MAX + F("handovers"))
    fresh = runs.filter(state=RunState.QUEUED)
    lost = runs.filter(state=RunState.RUNNING, lease_until__lt=Now(), cancel_requested_at=None)
    # What waited for an approval goes on, or is ended where a stop was asked for.
    stopped = Q(state=RunState.WAITING, cancel_requested_at__isnull=False)
    # With a job of its own: one from before it waited would take it past the plan's places.
    waited = runs.filter(turns.decided() | stopped, job_id__isnull=False)
    values: dict[str, Any] = {
        "state": RunState.RUNNING,
        "attempt": F("attempt") + 1,
        "lease_until": Now() + LEASE,
        "started_at": Coalesce("started_at", Now()),
        "agent_name": agent_name,
        "model": model,
    }
    if not any(found.update(**values) for found in (fresh, lost, waited)):
        return None
    run = Run.objects.select_related("thread", "user", "question").get(public_id=run_id)
    if run.attempt == 1 and run.started_at is not None:
        TALLY.runs_waited.add((run.started_at - run.created_at).total_seconds())
        traces.record("wait", began_at=run.created_at.timestamp(), run_id=run_id)
    event: EventData = AgentStarted(
        model=model,
        trigger=run.trigger,  # type: ignore[arg-type]  # held by the column
        question_id=run.question.public_id,
    )
    if run.attempt > 1:
        event = RunResumed(attempt=run.attempt, reason=_why_resumed(run))
    attempt = attempt_of(run, text=run.partial_text[: run.history_length])
    append(attempt, attempt.text, [event])
    return attempt


def _why_resumed(run: Run) -> str:
    if run.cancel_requested_at is not None:
        return "It is being stopped."
    if run.waits:
        return "It goes on after the decision of its user."
    return "The worker was lost; another goes on."


def append(attempt: Attempt, text: str, data: Sequence[EventData]) -> list[StoredEvent]:
    """Append events of this attempt, with the text so far; raises Fenced when the run is lost."""
    return log.append_fenced(
        run=attempt.run,
        attempt=attempt.attempt,
        thread_id=attempt.thread_id,
        partial_text=text,
        lease=LEASE,
        events=[_event(attempt, one) for one in data],
    )


def checkpoint(
    attempt: Attempt, text: str, history: str | None = None, usage: dict[str, Any] | None = None
) -> None:
    """Store the text so far and, after a finished step, its model messages and the usage so far."""
    values: dict[str, Any] = {"partial_text": text, "lease_until": Now() + LEASE}
    if history is not None:
        values |= {"history": history, "history_length": len(text)}
    if usage is not None:
        values["usage"] = usage
    if not _mine(attempt).update(**values):
        raise Fenced


def end_step(attempt: Attempt, text: str, *, history: str, usage: dict[str, Any]) -> None:
    """Store what a finished step of a connected model made and used, and tell the usage."""
    with transaction.atomic():
        checkpoint(attempt, text, history, usage)
        append(attempt, text, [UsageUpdated(usage=usage)])


def change_model(attempt: Attempt, *, agent_name: str, model: str) -> Attempt:
    """Let another model answer from here on; raises Fenced when the run is lost."""
    if not _mine(attempt).update(agent_name=agent_name, model=model):
        raise Fenced
    return replace(attempt, agent_name=agent_name, model=model)


def begin_call(
    attempt: Attempt, text: str, *, call_id: str, tool_name: str, args: Any
) -> tuple[ToolCall, bool]:
    """Journal a call before it runs; gives its row, and whether no earlier attempt began it."""
    with transaction.atomic():
        call, is_new = ToolCall.objects.get_or_create(
            run_id=attempt.run,
            call_id=call_id,
            defaults={"tool_name": tool_name, "args": encode_value(args)},
        )
        if is_new:
            append(attempt, text, [ToolExecuting(call_id=call_id, tool_name=tool_name, args=args)])
    return call, is_new


def end_call(
    attempt: Attempt,
    text: str,
    call: ToolCall,
    *,
    result: Any = None,
    error: dict[str, str] | None = None,
    elapsed_ms: int,
) -> None:
    """Journal what a tool gave, with its one `tool_completed`."""
    status = "error" if error else "ok"
    with transaction.atomic():
        ended = ToolCall.objects.filter(pk=call.pk, status="running").update(
            status=status,
            result="" if error else encode_value(result),
            error=error,
            elapsed_ms=elapsed_ms,
        )
        if not ended:
            return
        completed = ToolCompleted(
            call_id=call.call_id,
            tool_name=call.tool_name,
            status="error" if error else "ok",
            elapsed_ms=elapsed_ms,
            result=result,
            error=error,
        )
        append(attempt, text, [completed, *_citations(call.call_id, result)])


def finish(
    attempt: Attempt,
    *,
    status: RunStatus,
    text: str,
    usage: dict[str, Any],
    error: Fault | None = None,
) -> None:
    """End the run: its message, its one `agent_completed`, its quota; raises Fenced when lost.

    With the status `limit` the error names the limit.
    """
    now = timezone.now()
    with transaction.atomic():
        ended = _mine(attempt).update(
            state=RunState(status),
            ended_at=now,
            partial_text=text,
            usage=usage,
            error=None if error is None else to_builtins(error),
        )
        if not ended:
            raise Fenced
        _append_end(attempt, status, text=text, usage=usage, error=error)
        _charge(attempt, status)
        turns.end(Run.objects.select_related("user").get(pk=attempt.run))
        # After every other row: what is locked last is never held while waiting for another.
        add_to_day(user=attempt.user, model=attempt.model, told=usage, at=now)
        questions.publish_thread_row(thread=attempt.thread, user_id=attempt.user_id)
    TALLY.runs_ended.add(status)


def _append_end(
    attempt: Attempt,
    status: RunStatus,
    *,
    text: str,
    usage: dict[str, Any],
    error: Fault | None,
) -> None:
    closing: list[EventData] = [*_close_calls(attempt, status)]
    if status == "limit" and error is not None:
        closing.append(LimitReachedEvent(limit=error.code, message=error.message))
    # Who stops before the first word gets no empty answer to look at.
    if status == "stopped" and not text and not ToolCall.objects.filter(run=attempt.run).exists():
        closing.append(_completed(status, None, usage, error))
        _append_closing(attempt, closing)
        return
    message_id = new_message_id()
    created = MessageCreated(message_id=message_id, role="assistant", text=text)
    completed = MessageCompleted(
        message_id=message_id,
        length=len(text),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    closing += [created, completed, _completed(status, message_id, usage, error)]
    stored = _append_closing(attempt, closing)
    Message.objects.create(
        public_id=message_id,
        thread_id=attempt.thread,
        user_id=attempt.user,
        run_id=attempt.run,
        role=Role.ASSISTANT,
        text=text,
        seq=stored[-3].seq,
        created_at=datetime.fromisoformat(stored[-3].ts),
    )


def _append_closing(attempt: Attempt, closing: Sequence[EventData]) -> list[StoredEvent]:
    return log.append(
        thread=attempt.thread,
        thread_id=attempt.thread_id,
        events=[_event(attempt, data) for data in closing],
    )


def give_back(attempt: Attempt) -> None:
    """Let another worker take the run at once, as when this one shuts down."""
    _mine(attempt).update(lease_until=Now() - timedelta(seconds=1), handovers=F("handovers") + 1)


def holds(attempt: Attempt) -> bool:
    """Whether the run is still this attempt's."""
    return _mine(attempt).exists()


def renew_leases(attempts: Sequence[Attempt]) -> frozenset[str]:
    """Keep these runs; gives the ids of those that were asked to stop or are lost."""
    if not attempts:
        return frozenset()
    pairs = [Q(pk=attempt.run, attempt=attempt.attempt) for attempt in attempts]
    kept = Run.objects.filter(reduce(or_, pairs), state=RunState.RUNNING)
    kept.update(lease_until=Now() + LEASE)
    mine = set(kept.filter(cancel_requested_at=None).values_list("public_id", flat=True))
    return frozenset(attempt.run_id for attempt in attempts) - mine


def attempt_of(run: Run, *, text: str) -> Attempt:
    """The attempt that now holds `run`, whose thread and user were read with it."""
    return Attempt(
        run=run.pk,
        run_id=run.public_id,
        thread=run.thread_id,
        thread_id=run.thread.public_id,
        user=run.user_id,
        user_id=run.user.public_id,
        attempt=run.attempt,
        trigger=run.trigger,
        agent_name=run.agent_name,
        model=run.model,
        is_stopped=run.cancel_requested_at is not None,
        text=text,
        history=run.history,
        usage=run.usage,
    )


def _event(attempt: Attempt, data: EventData) -> NewEvent:
    return NewEvent(data=data, run_id=attempt.run_id, agent_name=attempt.agent_name)


def _mine(attempt: Attempt) -> QuerySet[Run]:
    return Run.objects.filter(pk=attempt.run, attempt=attempt.attempt, state=RunState.RUNNING)


def _close_calls(attempt: Attempt, status: RunStatus) -> list[EventData]:
    """One `tool_completed` for each call that the end of the run finds open."""
    closed: list[EventData] = []
    for call in ToolCall.objects.filter(run_id=attempt.run, status__in=OPEN_CALLS).order_by("pk"):
        if call.status == CallState.WAITING:
            closed.append(ApprovalResolved(call_id=call.call_id, decision="stopped"))
        call.status = "stopped" if status == "stopped" else "error"
        call.error = {"code": "interrupted", "message": "The run ended before this tool did."}
        # Never below zero, though clocks of two machines differ and one may be set back.
        call.elapsed_ms = max(0, int((timezone.now() - call.started_at).total_seconds() * 1000))
        call.save(update_fields=["status", "error", "elapsed_ms"])
        closed.append(
            ToolCompleted(
                call_id=call.call_id,
                tool_name=call.tool_name,
                status="stopped" if status == "stopped" else "error",
                elapsed_ms=call.elapsed_ms,
                error=call.error,
            )
        )
    return closed


def _citations(call_id: str, result: Any) -> list[EventData]:
    """What a tool says its result rests on."""
    found = result.get("citations") if isinstance(result, dict) else None
    return [
        CitationAdded(
            call_id=call_id,
            title=str(one.get("title", "")),
            source=str(one.get("source", "")),
            excerpt=str(one.get("excerpt", "")),
        )
        for one in (found if isinstance(found, list) else [])[:CITATIONS_MAX]
        if isinstance(one, dict)
    ]


def _completed(
    status: RunStatus, message_id: str | None, usage: dict[str, Any], error: Fault | None
) -> AgentCompleted:
    return AgentCompleted(
        status=status, message_id=message_id, usage=usage, error=UNSET if error is None else error
    )


def _charge(attempt: Attempt, status: RunStatus) -> None:
    """Whoever stops a run or asks for too much has had its work; one that failed costs nothing."""
    if status == "failed":
        billing.release(key=attempt.run_id)
        return
    billing.settle(key=attempt.run_id, amount=1)
