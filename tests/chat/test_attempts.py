from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.models import UsageCounter
from chat import services
from chat.delivery.log import Fenced
from chat.models import Event, Message, Run, ToolCall
from chat.protocol.events import AgentThinking, Fault
from chat.runs import attempts, reaper
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import RunState
from chat.services import Outgoing, Posted
from tests.chat.races import at_once

pytestmark = pytest.mark.django_db
FAULT = Fault(code="internal", message="It broke.", retryable=True)


def post(user: User, client_id: str = "c1", thread_id: str | None = None) -> Posted:
    message = Outgoing(client_id=client_id, text="hello", thread_id=thread_id)
    return services.post_message(user=user, message=message)


def claim(run_id: str) -> Attempt | None:
    return attempts.claim(run_id, agent_name="Netra", model="built-in")


def claimed(run_id: str) -> Attempt:
    attempt = claim(run_id)
    assert attempt is not None
    return attempt


def lose(run_id: str) -> None:
    """What is left when a worker dies: a lease that has passed, a job nobody does."""
    Run.objects.filter(public_id=run_id).update(
        lease_until=Now() - timedelta(seconds=1), job_id=None
    )


def types(run_id: str) -> list[str]:
    events = Event.objects.filter(run_id=run_id).order_by("seq")
    return list(events.values_list("type", flat=True))


def quota() -> tuple[int, int]:
    counter = UsageCounter.objects.get(feature="runs_month")
    return counter.used, counter.reserved


def test_a_run_is_claimed_once(user: User) -> None:
    run_id = post(user).run_id
    assert claimed(run_id).attempt == 1
    assert claim(run_id) is None
    assert types(run_id) == ["agent_started"]


def test_a_run_whose_thread_is_busy_is_not_claimed(user: User) -> None:
    first = post(user)
    second = post(user, "c2", first.thread_id)
    claimed(first.run_id)
    assert claim(second.run_id) is None
    assert Run.objects.get(public_id=second.run_id).state == RunState.QUEUED


def test_finishing_stores_the_message_charges_once_and_begins_the_next(user: User) -> None:
    first = post(user)
    second = post(user, "c2", first.thread_id)
    attempt = claimed(first.run_id)
    attempts.finish(attempt, status="completed", text="😀 hi", usage={"output_tokens": 3})
    assert types(first.run_id) == [
        "agent_started", "message_created", "message_completed", "agent_completed",
    ]  # fmt: skip
    message = Message.objects.get(role="assistant")
    event = Event.objects.get(run_id=first.run_id, type="message_created")
    assert (message.text, message.seq) == ("😀 hi", event.seq)
    assert quota() == (1, 1)
    waiting = Run.objects.get(public_id=second.run_id)
    assert ProcrastinateJob.objects.filter(id=waiting.job_id, status="todo").exists()
    with pytest.raises(Fenced):
        attempts.finish(attempt, status="failed", text="", usage={})
    assert types(first.run_id).count("agent_completed") == 1


def test_a_failure_of_ours_is_not_charged(user: User) -> None:
    attempt = claimed(post(user).run_id)
    attempts.finish(attempt, status="failed", text="half", usage={}, error=FAULT)
    assert quota() == (0, 0)
    completed = Event.objects.get(type="agent_completed").data
    assert '"code":"internal"' in completed


def test_a_lost_run_goes_on_after_its_last_full_step(user: User) -> None:
    run_id = post(user).run_id
    first = claimed(run_id)
    attempts.checkpoint(first, "whole step. ", "[]")
    attempts.checkpoint(first, "whole step. and half a")
    lose(run_id)
    second = claimed(run_id)
    assert (second.attempt, second.text, second.history) == (2, "whole step. ", "[]")
    assert types(run_id) == ["agent_started", "run_resumed"]
    for write in (
        lambda: attempts.append(first, "late", [AgentThinking(text="late")]),
        lambda: attempts.checkpoint(first, "late"),
        lambda: attempts.finish(first, status="completed", text="late", usage={}),
    ):
        with pytest.raises(Fenced):
            write()


def test_there_is_no_third_attempt(user: User) -> None:
    run_id = post(user).run_id
    for _ in range(2):
        claimed(run_id)
        lose(run_id)
    assert claim(run_id) is None
    assert reaper.reap() == 1
    assert Run.objects.get(public_id=run_id).state == RunState.FAILED
    assert types(run_id)[-1] == "agent_completed"
    assert quota() == (0, 0)
    assert reaper.reap() == 0


def test_the_reaper_defers_a_lost_run_once(user: User) -> None:
    run_id = post(user).run_id
    claimed(run_id)
    lose(run_id)
    before = ProcrastinateJob.objects.count()
    assert reaper.reap() == 1
    assert reaper.reap() == 0
    assert ProcrastinateJob.objects.count() == before + 1


def test_the_reaper_remembers_a_waiting_run_without_a_job(user: User) -> None:
    run_id = post(user).run_id
    Run.objects.filter(public_id=run_id).update(
        job_id=None, created_at=Now() - timedelta(seconds=10)
    )
    assert reaper.reap() == 1
    assert Run.objects.get(public_id=run_id).job_id is not None


def test_a_lost_run_that_was_asked_to_stop_ends_stopped(user: User) -> None:
    run_id = post(user).run_id
    attempt = claimed(run_id)
    attempts.checkpoint(attempt, "so far")
    services.stop_run(user=user, run_id=run_id)
    assert attempts.renew_leases([attempt]) == {run_id}
    lose(run_id)
    reaper.reap()
    assert Run.objects.get(public_id=run_id).state == RunState.STOPPED
    assert Message.objects.get(role="assistant").text == "so far"


def test_a_call_is_journalled_once_and_closed_at_the_end(user: User) -> None:
    attempt = claimed(post(user).run_id)
    done, is_new = attempts.begin_call(attempt, "", call_id="a", tool_name="t", args={"x": 1})
    attempts.end_call(attempt, "", done, result={"y": 2}, elapsed_ms=5)
    again, is_new_again = attempts.begin_call(attempt, "", call_id="a", tool_name="t", args={})
    assert (is_new, is_new_again, again.status, again.result) == (True, False, "ok", '{"y":2}')
    attempts.end_call(attempt, "", again, result={"y": 3}, elapsed_ms=9)
    attempts.begin_call(attempt, "", call_id="b", tool_name="t", args={})
    attempts.finish(attempt, status="stopped", text="", usage={})
    run_types = types(attempt.run_id)
    assert run_types.count("tool_executing") == run_types.count("tool_completed") == 2
    assert list(ToolCall.objects.order_by("pk").values_list("status", flat=True)) == [
        "ok", "stopped",
    ]  # fmt: skip


def test_leases_are_renewed_for_the_attempt_that_holds_the_run(user: User) -> None:
    run_id = post(user).run_id
    first = claimed(run_id)
    assert attempts.renew_leases([first]) == frozenset()
    lose(run_id)
    second = claimed(run_id)
    assert attempts.renew_leases([first]) == {run_id}
    assert attempts.renew_leases([second]) == frozenset()


def test_a_run_given_back_at_shutdown_has_spent_no_attempt(user: User) -> None:
    run_id = post(user).run_id
    for number in range(1, 5):
        attempt = claimed(run_id)
        assert attempt.attempt == number
        attempts.give_back(attempt)
    claimed(run_id)
    lose(run_id)
    assert claimed(run_id).attempt == 6


def test_who_stops_before_the_first_word_gets_no_empty_message(user: User) -> None:
    attempt = claimed(post(user).run_id)
    attempts.finish(attempt, status="stopped", text="", usage={})
    assert types(attempt.run_id) == ["agent_started", "agent_completed"]
    assert '"message_id":null' in Event.objects.get(type="agent_completed").data
    assert not Message.objects.filter(role="assistant").exists()


@pytest.mark.django_db(transaction=True)
def test_stopping_waiting_runs_while_the_active_one_ends_never_deadlocks(payer: User) -> None:
    for round_number in range(12):
        first = post(payer, f"a{round_number}")
        rest = [post(payer, f"{n}-{round_number}", first.thread_id) for n in range(3)]
        attempt = claimed(first.run_id)
        calls: list[Callable[[], object]] = [
            lambda a=attempt: attempts.finish(a, status="completed", text="x", usage={}),  # type: ignore[misc]  # bound now
            lambda t=first.thread_id, n=round_number: post(payer, f"b{n}", t),  # type: ignore[misc]  # bound now
            *(lambda r=run: services.stop_run(user=payer, run_id=r.run_id) for run in rest),
        ]
        at_once(calls)
        ended = Run.objects.filter(public_id__in=[first.run_id, *(run.run_id for run in rest)])
        assert not ended.filter(ended_at=None).exists()
    assert quota() == (12, 12)
