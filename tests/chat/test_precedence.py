"""Which waiting message goes first: any of them may, once, whatever happens at the same moment."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from chat import precedence, services
from chat.errors import QueueFull, RunNotFound
from chat.models import Event, Run
from chat.runs import attempts, reaper
from chat.services import Posted
from tests.chat.races import at_once
from tests.chat.test_branches import events, interrupt, say, seen, shown, told
from tests.chat.test_turns import begun, claimed

# A snapshot needs a view of its own, which a test inside a transaction cannot give it.
pytestmark = pytest.mark.django_db(transaction=True)


def advance(user: User, posted: Posted) -> bool:
    """Whether it changed anything."""
    return not precedence.advance(user=user, run_id=posted.run_id).duplicate


def line(user: User, *texts: str) -> list[Posted]:
    """A question that is being answered, and others that wait behind it."""
    first = say(user, "q1", "q1")
    claimed(first.run_id)
    return [first, *(say(user, text, text, first.thread_id) for text in texts)]


def finish(run_id: str, status: str = "completed") -> None:
    attempt = attempts.attempt_of(Run.objects.get(public_id=run_id), text="")
    attempts.finish(attempt, status=status, text="ok", usage={})  # type: ignore[arg-type]  # a table's word


def order_of(user: User) -> list[str]:
    """The questions that still wait, as they begin; each is answered."""
    found = []
    while waiting := begun(user):
        assert len(waiting) == 1
        if Run.objects.get(public_id=waiting[0]).state == "queued":
            found.append(told(waiting[0])[-1])
        finish(waiting[0])
    return found


def is_whole(thread: int) -> bool:
    """Whether each question of the shown branch follows the one before it."""
    snapshot = seen(thread)
    asked = [one for one in snapshot.messages if one.role == "user"]
    runs = [one.run_id for one in asked]
    return [one.after_run_id for one in asked] == [None, *runs[:-1]] and runs[-1] == snapshot.tip


@pytest.mark.parametrize(
    ("chosen", "order"),
    [
        (1, ["q2", "q3", "q4"]),
        (2, ["q3", "q2", "q4"]),
        (3, ["q4", "q2", "q3"]),
    ],
)
def test_any_waiting_message_goes_before_the_others(
    payer: User, chosen: int, order: list[str]
) -> None:
    posted = line(payer, "q2", "q3", "q4")
    assert advance(payer, posted[chosen])
    assert Run.objects.get(public_id=posted[0].run_id).cancel_requested_at is not None
    assert shown(posted[0].thread) == ["q1", *order]
    assert is_whole(posted[0].thread)
    head = seen(posted[0].thread).seq
    assert not advance(payer, posted[chosen])
    assert seen(posted[0].thread).seq == head
    finish(posted[0].run_id, "stopped")
    assert order_of(payer) == order
    assert not advance(payer, posted[chosen])


def test_the_last_one_chosen_goes_first_and_an_interrupting_one_behind_it(payer: User) -> None:
    first, _second, third, fourth = line(payer, "q2", "q3", "q4")
    advance(payer, fourth)
    advance(payer, third)
    interrupt(payer, "now", first.thread_id)
    order = ["q3", "q4", "now", "q2"]
    assert shown(first.thread) == ["q1", *order]
    assert is_whole(first.thread)
    finish(first.run_id, "stopped")
    assert order_of(payer) == order


def test_what_was_taken_off_keeps_nobody_from_going_first(payer: User) -> None:
    first, _second, third, fourth = line(payer, "q2", "q3", "q4")
    services.stop_run(user=payer, run_id=third.run_id)
    assert not advance(payer, third)
    advance(payer, fourth)
    assert shown(first.thread) == ["q1", "q4", "q2", "q3"]
    assert is_whole(first.thread)
    interrupt(payer, "now", first.thread_id)
    assert shown(first.thread) == ["q1", "q4", "now", "q2", "q3"]
    finish(first.run_id, "stopped")
    assert order_of(payer) == ["q4", "now", "q2"]


def test_the_log_says_what_was_moved(payer: User) -> None:
    first, second, third, fourth = line(payer, "q2", "q3", "q4")
    advance(payer, third)
    assert events(first.thread, "message_moved") == [
        {"message_id": second.message_id, "after_run_id": third.run_id},
        {"message_id": third.message_id, "after_run_id": first.run_id},
        {"message_id": fourth.message_id, "after_run_id": second.run_id},
    ]


def test_a_message_of_nobody_or_somebody_else_cannot_be_advanced(
    payer: User, make_user: Callable[[], User]
) -> None:
    _first, second = line(payer, "q2")
    for user, run_id in ((make_user(), second.run_id), (payer, "nonsense")):
        with pytest.raises(RunNotFound):
            precedence.advance(user=user, run_id=run_id)
    Run.objects.filter(public_id=second.run_id).update(precedence=precedence.PRECEDENCE_MAX)
    third = say(payer, "q3", "q3", second.thread_id)
    with pytest.raises(QueueFull):
        advance(payer, third)
    assert Run.objects.filter(cancel_requested_at__isnull=False).count() == 0


def test_what_has_its_job_is_not_overtaken_and_nothing_begins_beside_it(payer: User) -> None:
    first, second, third = line(payer, "q2", "q3")
    finish(first.run_id)
    assert not advance(payer, second)
    interrupt(payer, "now", first.thread_id)
    assert advance(payer, third)
    assert begun(payer) == [second.run_id]
    assert shown(first.thread) == ["q1", "ok", "q2", "q3", "now"]
    ProcrastinateJob.objects.filter(id=Run.objects.get(public_id=second.run_id).job_id).delete()
    Run.objects.update(created_at=Now() - 2 * reaper.FORGOTTEN_AFTER)
    assert reaper.reap() == 1
    assert order_of(payer) == ["q2", "q3", "now"]


@pytest.mark.parametrize("turn", range(2))
def test_at_the_moment_in_which_the_answer_ends_nothing_is_lost_or_stuck(
    payer: User, turn: int
) -> None:
    posted = line(payer, "q2", "q3", "q4")
    first, second, third, fourth = posted
    thread_id = first.thread_id
    calls: list[Callable[[], Any]] = [
        lambda: finish(first.run_id, "stopped"),
        lambda: advance(payer, fourth),
        lambda: advance(payer, fourth),
        lambda: advance(payer, second),
        lambda: services.stop_run(user=payer, run_id=third.run_id),
        lambda: interrupt(payer, "now", thread_id),
    ]
    at_once(calls[turn:] + calls[:turn])
    assert is_whole(first.thread)
    order = order_of(payer)
    assert sorted(order) == ["now", "q2", "q4"]
    assert not Run.objects.filter(thread=first.thread, ended_at=None).exists()
    ended = Event.objects.filter(thread=first.thread, type="agent_completed")
    assert ended.values("run_id").distinct().count() == ended.count() == 5
