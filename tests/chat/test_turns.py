"""Whose turn it is: as many runs at once as the plan allows, the oldest waiting one next."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.errors import LimitReached
from billing.models import UsageCounter
from chat import questions, services, turns
from chat.models import Event, Run
from chat.runs import attempts, reaper
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import RunState
from chat.services import Outgoing, Posted
from tests.billing.holds import pass_time
from tests.chat.races import at_once

pytestmark = pytest.mark.django_db


def post(user: User, client_id: str, thread_id: str | None = None) -> Posted:
    message = Outgoing(client_id=client_id, text="hello", thread_id=thread_id)
    return services.post_message(user=user, message=message)


def claimed(run_id: str) -> Attempt:
    attempt = attempts.claim(run_id, agent_name="Netra", model="built-in")
    assert attempt is not None
    return attempt


def finish(run_id: str) -> None:
    attempts.finish(claimed(run_id), status="completed", text="x", usage={})


def begun(user: User) -> list[str]:
    runs = Run.objects.filter(user=user, ended_at=None, job_id__isnull=False)
    return list(runs.order_by("pk").values_list("public_id", flat=True))


def places(user: User) -> int:
    return UsageCounter.objects.get(user=user, feature=turns.SLOT_FEATURE).reserved


def test_on_free_one_thread_works_and_the_next_begins_when_it_ends(user: User) -> None:
    first, second, third = [post(user, f"c{number}") for number in range(3)]
    assert begun(user) == [first.run_id]
    positions = (
        Event.objects.filter(type="run_queued").order_by("pk").values_list("data", flat=True)
    )
    assert ['"position":1' in positions[0], '"position":2' in positions[1]] == [True, True]
    finish(first.run_id)
    assert begun(user) == [second.run_id]
    finish(second.run_id)
    assert begun(user) == [third.run_id]
    assert places(user) == 1
    finish(third.run_id)
    assert places(user) == 0


def test_a_plan_with_five_places_runs_five_threads_and_one_of_each(payer: User) -> None:
    threads = [post(payer, f"c{number}") for number in range(7)]
    again = post(payer, "again", threads[0].thread_id)
    assert begun(payer) == [one.run_id for one in threads[:5]]
    finish(threads[0].run_id)
    # Older than the thread's own next one, which waits behind it.
    assert begun(payer) == [one.run_id for one in threads[1:6]]
    finish(threads[1].run_id)
    finish(threads[2].run_id)
    assert again.run_id in begun(payer)
    assert places(payer) == 5


def test_a_waiting_run_that_is_stopped_leaves_its_place_in_the_line(user: User) -> None:
    first, second, third = [post(user, f"c{number}") for number in range(3)]
    services.stop_run(user=user, run_id=second.run_id)
    finish(first.run_id)
    assert begun(user) == [third.run_id]


def test_however_long_no_worker_lives_what_was_accepted_keeps_its_quota_and_its_place(
    user: User,
) -> None:
    first, second = [post(user, f"c{number}") for number in range(2)]
    month = UsageCounter.objects.filter(user=user, feature=questions.RUN_FEATURE)
    month.update(used=998)
    pass_time(seconds=3600)
    with pytest.raises(LimitReached):
        post(user, "one more")
    services.stop_run(user=user, run_id=second.run_id)
    third = post(user, "c3")
    assert begun(user) == [first.run_id]
    finish(first.run_id)
    finish(third.run_id)
    assert month.values_list("used", "reserved").get() == (1000, 0)
    assert places(user) == 0


def test_others_do_not_wait_for_a_busy_user(user: User, make_user: Callable[[], User]) -> None:
    post(user, "c1")
    other = make_user()
    run_id = post(other, "c1").run_id
    assert begun(other) == [run_id]


def test_a_higher_plan_s_job_comes_first(payer: User, make_user: Callable[[], User]) -> None:
    free = post(make_user(), "c1")
    paid = post(payer, "c1")
    by_run = {job.args["run_id"]: job.priority for job in ProcrastinateJob.objects.all()}
    assert by_run[paid.run_id] > by_run[free.run_id]


def test_the_reaper_leaves_waiting_runs_alone_and_finds_a_lost_turn(user: User) -> None:
    first, second = post(user, "c1"), post(user, "c2")
    Run.objects.update(created_at=Now() - timedelta(minutes=1))
    reaper.reap()
    assert begun(user) == [first.run_id]
    # As if the transaction that ended the first had never looked for the next.
    attempt = claimed(first.run_id)
    Run.objects.filter(pk=attempt.run).update(state=RunState.STOPPED, ended_at=Now())
    Run.objects.get(pk=attempt.run)
    UsageCounter.objects.filter(feature=turns.SLOT_FEATURE).update(reserved=0)
    reaper.reap()
    assert begun(user) == [second.run_id]


@pytest.mark.django_db(transaction=True)
def test_however_posts_and_ends_race_no_more_run_than_allowed_and_none_is_forgotten(
    user: User,
) -> None:
    working = post(user, "c0").run_id
    for number in range(8):
        attempt = claimed(working)
        calls: list[Callable[[], object]] = [
            lambda n=number, k=k: post(user, f"{n}-{k}")  # type: ignore[misc]  # bound now
            for k in range(3)
        ]
        calls.append(lambda a=attempt: attempts.finish(a, status="completed", text="", usage={}))  # type: ignore[misc]  # bound now
        at_once(calls)
        assert places(user) == 1
        [working] = begun(user)
    left = Run.objects.filter(ended_at=None).count()
    for _ in range(left):
        [working] = begun(user)
        finish(working)
    assert not Run.objects.filter(ended_at=None).exists()
    assert places(user) == 0
