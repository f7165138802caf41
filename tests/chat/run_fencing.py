"""What an attempt may still try that has lost its run and does not know it: none of it counts."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.models import UsageCounter
from chat.delivery.log import Fenced
from chat.models import Event, Message, Run, ToolCall
from chat.protocol.events import AgentThinking
from chat.runs import attempts, waiting
from chat.runs.attempts import Attempt


def assert_fenced(attempt: Attempt, *, users: Sequence[User]) -> None:
    """It may write nothing, and is told so where it must know; `users` are all there are."""
    before = everything(users)
    for write in late_writes(attempt):
        with contextlib.suppress(Fenced):
            write()
    with pytest.raises(Fenced):
        attempts.append(attempt, "late", [AgentThinking(text="late")])
    with pytest.raises(Fenced):
        attempts.finish(attempt, status="completed", text="late", usage={})
    assert attempts.renew_leases([attempt]) == {attempt.run_id}
    assert everything(users) == before


def everything(users: Sequence[User]) -> object:
    """All that a late write could change."""
    runs = Run.objects.filter(user__in=users).order_by("pk")
    return (
        list(runs.values("pk", "state", "attempt", "handovers", "partial_text", "history")),
        list(runs.values_list("lease_until", "job_id", "usage", "error")),
        list(ToolCall.objects.filter(run__in=runs).order_by("pk").values()),
        Event.objects.filter(thread__user__in=users).count(),
        Message.objects.filter(user__in=users).count(),
        ProcrastinateJob.objects.count(),
        list(UsageCounter.objects.filter(user__in=users).order_by("pk").values()),
    )


def begin_call(attempt: Attempt, call_id: str) -> tuple[ToolCall, bool]:
    return attempts.begin_call(attempt, "", call_id=call_id, tool_name="t", args={})


def ask(attempt: Attempt, call_id: str) -> ToolCall | None:
    return waiting.ask(
        attempt,
        "",
        call_id=call_id,
        tool_name="send",
        args={"to": "ada"},
        within=timedelta(hours=24),
    )


def late_writes(attempt: Attempt) -> list[Callable[[], Any]]:
    """All that somebody may still try who has not noticed yet."""
    calls = ToolCall.objects.filter(run=attempt.run)
    return [
        partial(attempts.checkpoint, attempt, "late"),
        partial(attempts.checkpoint, attempt, "late", "[]"),
        partial(attempts.give_back, attempt),
        partial(begin_call, attempt, "call-late"),
        partial(ask, attempt, "approval-late"),
        *(partial(begin_call, attempt, call.call_id) for call in calls),
        *(partial(ask, attempt, call.call_id) for call in calls),
        *(partial(waiting.begin_approved, attempt, "late", call) for call in calls),
        *(
            partial(attempts.end_call, attempt, "late", call, result={}, elapsed_ms=1)
            for call in calls
        ),
    ]
