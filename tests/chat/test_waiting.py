"""Attempts that come to a call which needs an approval, when they are no longer the only ones."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import User
from chat import approvals
from chat.delivery.log import Fenced
from chat.models import Run, ToolCall
from chat.runs import waiting
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import CallState
from tests.chat.test_turns import claimed, post

pytestmark = pytest.mark.django_db


def ask(attempt: Attempt) -> ToolCall | None:
    return waiting.ask(
        attempt, "", call_id="call-1", tool_name="t", args={}, within=timedelta(hours=1)
    )


def approved(user: User) -> tuple[Attempt, ToolCall]:
    """An attempt that found its call approved, and is about to begin it."""
    run_id = post(user, "c1").run_id
    assert ask(claimed(run_id)) is None
    approvals.decide(user=user, run_id=run_id, call_id="call-1", decision="approve", args=None)
    attempt = claimed(run_id)
    call = ask(attempt)
    assert call is not None
    assert call.status == CallState.APPROVED
    return attempt, call


def test_an_approved_call_is_not_begun_by_an_attempt_that_was_overtaken(user: User) -> None:
    slow, call = approved(user)
    Run.objects.update(lease_until=Now() - timedelta(seconds=1))
    quick = claimed(slow.run_id)
    begun = ask(quick)
    assert begun is not None
    waiting.begin_approved(quick, "", begun)
    # Else it would run the tool as well: it knows of no other that did.
    with pytest.raises(Fenced):
        waiting.begin_approved(slow, "", call)
