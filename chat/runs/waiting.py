"""An attempt that comes to a tool which needs its user's approval: it waits, and goes on."""

from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from chat import questions, turns
from chat.delivery.log import Fenced
from chat.models import Run, ToolCall
from chat.protocol.events import ApprovalRequired, ToolCalled, ToolExecuting, timestamp
from chat.protocol.frames import encode_value
from chat.runs import attempts
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import CallState, RunState


def ask(
    attempt: Attempt, text: str, *, call_id: str, tool_name: str, args: Any, within: timedelta
) -> ToolCall | None:
    """Let the run wait for its user; gives the call instead when they have decided already.

    They may take the time `within`. Raises Fenced when the run is another's by now.
    """
    with transaction.atomic():
        call, is_new = ToolCall.objects.get_or_create(
            run_id=attempt.run,
            call_id=call_id,
            defaults={
                "tool_name": tool_name,
                "args": encode_value(args),
                "status": CallState.WAITING,
                "expires_at": timezone.now() + within,
            },
        )
        if call.status != CallState.WAITING or call.expires_at is None:
            return call
        if is_new:
            expires_at = timestamp(call.expires_at)
            called = ToolCalled(call_id=call_id, tool_name=tool_name, args=args)
            required = ApprovalRequired(
                call_id=call_id, tool_name=tool_name, args=args, expires_at=expires_at
            )
            attempts.append(attempt, text, [called, required])
        _wait(attempt, text)
    return None


def begin_approved(attempt: Attempt, text: str, call: ToolCall) -> Any:
    """Begin a call that the user allowed; gives its arguments as they were decided.

    Raises Fenced when the run is another's by now, who may have begun it.
    """
    args = msgspec.json.decode(call.args)
    with transaction.atomic():
        begun = ToolCall.objects.filter(pk=call.pk, status=CallState.APPROVED).update(
            status=CallState.RUNNING, started_at=timezone.now()
        )
        if begun:
            executing = ToolExecuting(call_id=call.call_id, tool_name=call.tool_name, args=args)
            attempts.append(attempt, text, [executing])
        elif not attempts.holds(attempt):
            raise Fenced
    return args


def _wait(attempt: Attempt, text: str) -> None:
    run = Run.objects.select_related("user").get(pk=attempt.run)
    waits = Run.objects.filter(
        pk=attempt.run, attempt=attempt.attempt, state=RunState.RUNNING
    ).update(
        state=RunState.WAITING,
        partial_text=text,
        lease_until=None,
        job_id=None,
        # Waiting is no failure: it must not use up the attempts.
        handovers=F("handovers") + 1,
        waits=F("waits") + 1,
    )
    if not waits:
        raise Fenced
    # Its place is free for another run of the user as long as it waits.
    turns.end(run)
    questions.publish_thread_row(thread=attempt.thread, user_id=attempt.user_id)
