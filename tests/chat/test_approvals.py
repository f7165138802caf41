"""Tool calls that wait for their user: decided once, from anywhere, in time, never run twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from billing.models import UsageCounter
from chat import approvals, selectors, services, turns
from chat.errors import AlreadyDecided, RunNotFound
from chat.models import Event, Message, Run, ToolCall
from chat.runs import attempts, reaper, waiting
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import CallState, RunState
from tests.chat.races import at_once
from tests.chat.test_attempts import claim
from tests.chat.test_turns import begun, claimed, post

pytestmark = pytest.mark.django_db
ARGS = {"to": "ada", "text": "Costs are up."}


def types(run_id: str) -> list[str]:
    events = Event.objects.filter(run_id=run_id).order_by("seq")
    return list(events.values_list("type", flat=True))


def data_of(run_id: str, kind: str) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(
        Event.objects.filter(run_id=run_id, type=kind).get().data
    )
    return data


def ask(attempt: Attempt, call_id: str = "call-1") -> ToolCall | None:
    return waiting.ask(
        attempt,
        "So far.",
        call_id=call_id,
        tool_name="send_report",
        args=ARGS,
        within=timedelta(hours=24),
    )


def asked(user: User) -> str:
    """A run that waits for its user; gives its id."""
    run_id = post(user, "c1").run_id
    assert ask(claimed(run_id)) is None
    return run_id


def decide(user: User, run_id: str, decision: Any, args: dict[str, Any] | None = None) -> bool:
    _run, is_repeat = approvals.decide(
        user=user, run_id=run_id, call_id="call-1", decision=decision, args=args
    )
    return is_repeat


def test_a_run_that_waits_holds_no_worker_and_no_place(user: User) -> None:
    run_id = asked(user)
    run = Run.objects.get()
    assert (run.state, run.lease_until, run.partial_text) == (RunState.WAITING, None, "So far.")
    assert types(run_id) == ["agent_started", "tool_call", "approval_required"]
    assert data_of(run_id, "approval_required")["args"] == ARGS
    other = post(user, "c2")
    assert begun(user) == [other.run_id]


def test_the_list_says_that_it_waits_until_it_is_decided(user: User) -> None:
    run_id = asked(user)
    thread = Run.objects.get(public_id=run_id).thread_id
    assert selectors.thread_row(thread=thread).waiting is True
    decide(user, run_id, "approve")
    listed, _ = selectors.threads_before(user=user.pk, before=None, limit=5)
    assert [(row.running, row.waiting) for row in listed] == [(True, False)]


def test_an_approved_call_is_begun_once_with_the_arguments_as_edited(user: User) -> None:
    run_id = asked(user)
    edited = ARGS | {"to": "eve"}
    assert not decide(user, run_id, "approve", edited)
    assert begun(user) == [run_id]
    attempt = claimed(run_id)
    call = ask(attempt)
    assert call is not None
    assert waiting.begin_approved(attempt, "", call) == edited
    assert data_of(run_id, "tool_executing")["args"] == edited
    waiting.begin_approved(attempt, "", call)
    assert types(run_id).count("tool_executing") == 1
    assert types(run_id)[3:] == ["approval_resolved", "run_resumed", "tool_executing"]


def test_a_denied_call_is_closed_and_the_run_goes_on(user: User) -> None:
    run_id = asked(user)
    decide(user, run_id, "deny")
    completed = data_of(run_id, "tool_completed")
    assert (completed["status"], completed["error"]["code"]) == ("denied", "denied")
    call = ask(claimed(run_id))
    assert call is not None
    assert call.error == {"code": "denied", "message": "The user did not allow this."}


def test_a_repeat_is_answered_alike_and_another_decision_is_refused(user: User) -> None:
    run_id = asked(user)
    decide(user, run_id, "approve")
    assert decide(user, run_id, "approve")
    with pytest.raises(AlreadyDecided):
        decide(user, run_id, "deny")
    assert types(run_id).count("approval_resolved") == 1


def test_nobody_else_may_decide(user: User, make_user: Callable[[], User]) -> None:
    run_id = asked(user)
    with pytest.raises(RunNotFound):
        decide(make_user(), run_id, "approve")
    # PostgreSQL has no such character, and a frame may have it.
    for call_id in ("no", "call-1\0"):
        with pytest.raises(RunNotFound):
            approvals.decide(user=user, run_id=run_id, call_id=call_id, decision="deny", args=None)


def test_after_a_day_it_is_denied_by_itself(user: User) -> None:
    run_id = asked(user)
    assert approvals.expire() == 0
    ToolCall.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert approvals.expire() == 1
    assert data_of(run_id, "approval_resolved")["decision"] == "expired"
    assert begun(user) == [run_id]
    with pytest.raises(AlreadyDecided):
        decide(user, run_id, "approve")


def test_a_decision_waits_for_a_place_of_the_plan(user: User) -> None:
    run_id = asked(user)
    other = post(user, "c2").run_id
    decide(user, run_id, "approve")
    assert begun(user) == [other]
    reaper.reap()
    assert begun(user) == [other]
    attempts.finish(claimed(other), status="completed", text="x", usage={})
    assert begun(user) == [run_id]


def test_the_job_of_a_worker_thought_lost_takes_no_place_past_the_plan(user: User) -> None:
    run_id = post(user, "c1").run_id
    attempt = claimed(run_id)
    Run.objects.update(lease_until=Now() - timedelta(seconds=1), job_id=None)
    reaper.reap()
    # It was only slow: its run waits now, and the reaper's job for it is still there.
    assert ask(attempt) is None
    other = claimed(post(user, "c2").run_id)
    decide(user, run_id, "approve")
    assert claim(run_id) is None
    attempts.finish(other, status="completed", text="x", usage={})
    assert claimed(run_id).attempt == 2


def test_a_stop_while_it_waits_closes_everything_and_keeps_the_text(user: User) -> None:
    run_id = asked(user)
    services.stop_run(user=user, run_id=run_id)
    attempt = claimed(run_id)
    assert attempt.is_stopped
    attempts.finish(attempt, status="stopped", text="So far.", usage={})
    assert types(run_id)[-5:] == [
        "approval_resolved", "tool_completed", "message_created", "message_completed",
        "agent_completed",
    ]  # fmt: skip
    assert ToolCall.objects.get().status == CallState.STOPPED
    assert Message.objects.get(role="assistant").text == "So far."
    with pytest.raises(AlreadyDecided):
        decide(user, run_id, "approve")
    assert UsageCounter.objects.get(feature=turns.SLOT_FEATURE).reserved == 0


def test_waiting_again_and_again_uses_up_no_attempt(user: User) -> None:
    run_id = asked(user)
    for number in range(2, 6):
        decide_on(user, run_id, f"call-{number - 1}")
        assert ask(claimed(run_id), f"call-{number}") is None
    assert Run.objects.get().waits == 5


def decide_on(user: User, run_id: str, call_id: str) -> None:
    approvals.decide(user=user, run_id=run_id, call_id=call_id, decision="deny", args=None)


@pytest.mark.django_db(transaction=True)
def test_of_two_devices_one_decides(user: User) -> None:
    for number in range(5):
        run_id = post(user, f"c{number}").run_id
        ask(claimed(run_id))
        calls: list[Callable[[], object]] = [
            lambda r=run_id, d=decision: outcome(user, r, d)  # type: ignore[misc]  # bound now
            for decision in ("approve", "deny")
        ]
        assert sorted(map(str, at_once(calls))) == ["False", "refused"]
        services.stop_run(user=user, run_id=run_id)
        attempts.finish(claimed(run_id), status="stopped", text="", usage={})


def outcome(user: User, run_id: str, decision: str) -> object:
    try:
        return decide(user, run_id, decision)
    except AlreadyDecided:
        return "refused"
