"""What users decide about tool calls that wait for them: once, from any device, within a day."""

from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import User
from chat import questions, turns
from chat.delivery import log
from chat.errors import AlreadyDecided, RunNotFound
from chat.models import Run, ToolCall, public_id
from chat.protocol.events import ApprovalResolved, Decision, EventData, NewEvent, ToolCompleted
from chat.protocol.frames import encode_value
from chat.runs.lifecycle import CallState, RunState
from netra.ids import RunID

EXPIRED_AT_ONCE_MAX: Final = 100
# What becomes of a call by each decision: the same decision again is then no other one.
_FOLLOWS_FROM: Final = {
    "approve": (CallState.APPROVED, CallState.RUNNING, CallState.OK, CallState.ERROR),
    "deny": (CallState.DENIED,),
}
_REASONS: Final = {
    "deny": "The user did not allow this.",
    "expired": "Nobody decided about this in time.",
}


def decide(
    *, user: User, run_id: str, call_id: str, decision: Decision, args: dict[str, Any] | None
) -> tuple[Run, bool]:
    """Let a waiting call run, with other arguments where `args` are given, or not.

    Gives the run, and whether the same was decided before. Raises RunNotFound, AlreadyDecided.
    """
    known = public_id(RunID, run_id)
    with transaction.atomic():
        runs = Run.objects.select_for_update(of=("self",)).select_related("thread", "user")
        mine = runs.filter(public_id=known, user=user, thread__purge_at=None)
        run = mine.first() if known else None
        # PostgreSQL has no U+0000, and takes a question after one for a fault of ours.
        is_name = run is not None and "\0" not in call_id
        call = ToolCall.objects.filter(run=run, call_id=call_id).first() if is_name else None
        if run is None or call is None:
            raise RunNotFound
        if call.status == CallState.WAITING and run.cancel_requested_at is None:
            _resolve(run, call, decision, args)
            return run, False
        if call.expires_at is None or call.status not in _FOLLOWS_FROM.get(decision, ()):
            raise AlreadyDecided
        return run, True


def expire() -> int:
    """Deny, some at a time, what nobody has decided about in time; gives how many calls."""
    late = ToolCall.objects.filter(status=CallState.WAITING, expires_at__lt=Now())
    calls = list(late.order_by("expires_at").values_list("run_id", "pk")[:EXPIRED_AT_ONCE_MAX])
    for run_key, call_key in calls:
        with transaction.atomic():
            runs = Run.objects.select_for_update(of=("self",)).select_related("thread", "user")
            run = runs.get(pk=run_key)
            call = ToolCall.objects.filter(pk=call_key, status=CallState.WAITING).first()
            if call is not None:
                _resolve(run, call, "expired", None)
    return len(calls)


def _resolve(run: Run, call: ToolCall, decision: Decision, args: dict[str, Any] | None) -> None:
    """With the run's row locked: write the decision down and let the run go on."""
    edited = args if decision == "approve" else None
    events: list[EventData] = [
        ApprovalResolved(call_id=call.call_id, decision=decision, args=edited)
    ]
    if edited is not None:
        call.args = encode_value(edited)
    if decision == "approve":
        call.status = CallState.APPROVED
    else:
        call.status = CallState.DENIED
        call.error = {"code": "denied", "message": _REASONS[decision]}
        call.elapsed_ms = 0
        events.append(
            ToolCompleted(
                call_id=call.call_id,
                tool_name=call.tool_name,
                status="denied",
                elapsed_ms=0,
                error=call.error,
            )
        )
    call.save(update_fields=["status", "args", "error", "elapsed_ms"])
    log.append(
        thread=run.thread_id,
        thread_id=run.thread.public_id,
        events=[
            NewEvent(data=data, run_id=run.public_id, agent_name=run.agent_name or None)
            for data in events
        ],
    )
    if run.state == RunState.WAITING:
        # Without a place it goes on when another run of the user ends.
        turns.begin(run)
    questions.publish_thread_row(thread=run.thread_id, user_id=run.user.public_id)
