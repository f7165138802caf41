"""Any sequence of what users, workers, crashes and the clock do to runs, against what must hold.

Everything goes through the public functions, on real PostgreSQL with real commits. A worker is an
attempt that was claimed; one that is thought dead keeps its attempt, and tries to write with it.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from typing import get_args

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing import services as billing
from billing.errors import LimitReached
from billing.models import Reservation, UsageCounter
from billing.selectors import entitlements_of
from billing.tiers import Tier
from chat import approvals, branches, questions, services
from chat.errors import AlreadyDecided, NotEnded
from chat.models import Run, ToolCall
from chat.protocol.events import AgentThinking, Fault, RunStatus
from chat.runs import attempts, reaper, waiting
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import TERMINAL, CallState, RunState
from tests.billing.holds import pass_time
from tests.chat.run_fencing import ask, assert_fenced, begin_call
from tests.chat.run_invariants import Seen, assert_all

S = Reservation.State
FAULT = Fault(code="broken", message="It broke.", retryable=True)
# What a user has left of the month when an example begins: few enough to be used up.
RUNS_LEFT = 6
THREADS_MAX = 4
# Rounds in which everything must come to an end once nobody posts any more.
DRAINED_WITHIN = 60
# What may happen, and how often beside the rest. All in one rule: Hypothesis leaves some rules out
# of each example, and hardly anything would ever happen without workers.
DEEDS = {
    "post": 3, "answer_again": 2, "edit": 2, "stop": 2, "decide": 4,
    "take_a_job": 2, "think": 1, "store": 1, "end_a_step": 1, "begin_a_call": 2, "end_calls": 1,
    "ask": 4, "finish": 3, "give_back": 1,
    "lose_a_worker": 4, "lose_all": 1, "beat": 1, "reap": 1, "keep_house": 1, "wait": 1,
    "expire": 1,
}  # fmt: skip
# Among what is there, newest first.
A_SECOND_AGO = Now() - timedelta(seconds=1)
CHOICE = st.integers(min_value=0, max_value=3)
_numbers = count(1)


class RunsModel(RuleBasedStateMachine):
    """Two users with two threads each, any number of workers, and a clock that is set back."""

    def __init__(self, make_user: Callable[[], User]) -> None:
        super().__init__()
        self.users = [make_user(), make_user()]
        billing.grant(
            user=self.users[1],
            kind="subscription",
            tier=Tier.EARLY,
            starts_at=timezone.now(),
            ends_at=None,
            reason="paid",
            actor=None,
        )
        self.used_before = {user.pk: _use_up(user) for user in self.users}
        self.threads: list[tuple[User, str]] = []
        # Every attempt that a worker ever held; those that lost their run are still about.
        self.attempts: list[Attempt] = []
        self.given_back: list[Attempt] = []
        # Whether a worker takes each job at once, as where there are enough of them.
        self.is_prompt = False

    # Each step ends with a look at everything, which is what the next one finds

    @invariant()
    def everything_holds(self) -> None:
        if self.is_prompt:
            self.fetch_all()
        self.look()
        assert_all(self.seen)
        for user in self.users:
            mine = [run for run in self.seen.runs if run.user_id == user.pk]
            states = [self.seen.quota[run.public_id] for run in mine]
            used, reserved = self.counted(user)
            assert (used, reserved) == (states.count(S.SETTLED), states.count(S.HELD))
            assert used + reserved <= RUNS_LEFT

    def look(self) -> None:
        self.seen = Seen.of(self.users)
        self.jobs = list(ProcrastinateJob.objects.filter(status="todo").order_by("-priority", "id"))
        held = {(run.pk, run.attempt) for run in self.seen.runs if run.state == RunState.RUNNING}
        newest = [one for one in reversed(self.attempts) if one not in self.given_back]
        self.working = [one for one in newest if (one.run, one.attempt) in held]
        self.stale = [one for one in newest if (one.run, one.attempt) not in held]

    def counted(self, user: User) -> tuple[int, int]:
        """Used and reserved runs of the month, without those of before."""
        row = UsageCounter.objects.get(user=user, feature=questions.RUN_FEATURE)
        return row.used - self.used_before[user.pk], row.reserved

    def run_with(self, key: int) -> Run:
        return next(run for run in self.seen.runs if run.pk == key)

    @initialize(is_prompt=st.sampled_from([True, True, False]))
    def begin(self, is_prompt: bool) -> None:
        self.is_prompt = is_prompt
        for _ in range(THREADS_MAX):
            self.post(0, interrupt=False)
        self.fetch_all()

    @rule(
        deed=st.sampled_from([deed for deed, often in DEEDS.items() for _ in range(often)]),
        choice=CHOICE,
        is_other=st.booleans(),
    )
    def happen(self, deed: str, choice: int, is_other: bool) -> None:
        getattr(self, deed)(choice, is_other)

    # What users do

    def post(self, choice: int, interrupt: bool) -> None:
        is_new = len(self.threads) < THREADS_MAX
        if is_new:
            user, thread_id = self.users[len(self.threads) % 2], None
        else:
            user, thread_id = self.threads[choice]
        message = services.Outgoing(
            client_id=f"c{next(_numbers)}", text="hello", thread_id=thread_id, interrupt=interrupt
        )
        try:
            posted = services.post_message(user=user, message=message)
        except LimitReached:
            assert sum(self.counted(user)) >= RUNS_LEFT
            return
        assert services.post_message(user=user, message=message).duplicate
        if is_new:
            self.threads.append((user, posted.thread_id))

    def answer_again(self, choice: int, _: bool) -> None:
        for run in self.seen.runs[choice : choice + 1]:
            client_id = f"a{next(_numbers)}"
            again = partial(
                branches.answer_again, user=run.user, client_id=client_id, run_id=run.public_id
            )
            try:
                first, second = again(), again()
            except NotEnded:
                assert run.state not in TERMINAL
            except LimitReached:
                assert sum(self.counted(run.user)) >= RUNS_LEFT
            else:
                assert (first.run, first.duplicate) == (second.run, not second.duplicate)

    def edit(self, choice: int, _: bool) -> None:
        """Another version of a question, or another text while it waits."""
        for run in self.seen.runs[choice : choice + 1]:
            edited = partial(
                branches.edit,
                user=run.user,
                client_id=f"e{next(_numbers)}",
                message_id=run.question.public_id,
                text="Rather this.",
            )
            try:
                first, second = edited(), edited()
            except LimitReached:
                assert sum(self.counted(run.user)) >= RUNS_LEFT
            else:
                assert (first.run_id, first.duplicate) == (second.run_id, not second.duplicate)

    def stop(self, choice: int, _: bool) -> None:
        run = self.seen.runs[choice % len(self.seen.runs)]
        services.stop_run(user=run.user, run_id=run.public_id)

    def decide(self, choice: int, denies: bool) -> None:
        for call in self.seen.waiting_calls()[choice : choice + 1]:
            run = self.run_with(call.run_id)
            decided = partial(
                approvals.decide,
                user=run.user,
                run_id=run.public_id,
                call_id=call.call_id,
                decision="deny" if denies else "approve",
                args={"to": "eve"},
            )
            if run.cancel_requested_at is None:
                assert [decided()[1], decided()[1]] == [False, True]
                return
            with pytest.raises(AlreadyDecided):
                decided()

    # What workers do, each with one of the runs that are being worked on

    def take_a_job(self, choice: int, dies: bool) -> None:
        """Who dies at once has claimed nothing, and the job is gone."""
        for job in self.jobs[choice : choice + 1]:
            self.fetch(job, dies=dies)

    def fetch(self, job: ProcrastinateJob, *, dies: bool = False) -> None:
        ProcrastinateJob.objects.filter(id=job.id).delete()
        if dies:
            return
        attempt = attempts.claim(job.args["run_id"], agent_name="Netra", model="built-in")
        if attempt is not None:
            self.attempts.append(attempt)

    def fetch_all(self) -> None:
        while jobs := list(ProcrastinateJob.objects.filter(status="todo")):
            for job in jobs:
                self.fetch(job)

    def one_of(self, choice: int) -> list[Attempt]:
        """None where nobody works."""
        return self.working and [self.working[choice % len(self.working)]]

    def text_of(self, attempt: Attempt) -> str:
        return f"{self.run_with(attempt.run).partial_text}More. "

    def think(self, choice: int, _: bool) -> None:
        for attempt in self.one_of(choice):
            attempts.append(attempt, self.text_of(attempt), [AgentThinking(text="Hm.")])

    def store(self, choice: int, _: bool) -> None:
        for attempt in self.one_of(choice):
            attempts.checkpoint(attempt, self.text_of(attempt))

    def end_a_step(self, choice: int, _: bool) -> None:
        for attempt in self.one_of(choice):
            attempts.checkpoint(attempt, self.text_of(attempt), "[]")

    def begin_a_call(self, choice: int, is_other: bool) -> None:
        for attempt in self.one_of(choice):
            call_id = f"call-{is_other}"
            known = ToolCall.objects.filter(run=attempt.run, call_id=call_id).exists()
            assert begin_call(attempt, call_id)[1] is not known

    def end_calls(self, choice: int, fails: bool) -> None:
        error = {"code": "broken", "message": "It broke."} if fails else None
        for attempt in self.one_of(choice):
            for call in ToolCall.objects.filter(run=attempt.run, status=CallState.RUNNING):
                attempts.end_call(attempt, "", call, result={}, error=error, elapsed_ms=1)
                call.refresh_from_db()
                assert call.status == (CallState.ERROR if fails else CallState.OK)

    def ask(self, choice: int, is_other: bool) -> None:
        """Come to a tool that needs an approval: wait for it, or begin what was approved."""
        for attempt in self.one_of(choice):
            call = ask(attempt, f"approval-{is_other}")
            if call is not None and call.status in (CallState.APPROVED, CallState.RUNNING):
                waiting.begin_approved(attempt, "", call)

    def finish(self, choice: int, is_other: bool) -> None:
        for attempt in self.one_of(choice):
            self.end(attempt, get_args(RunStatus)[choice] if is_other else "completed")

    def end(self, attempt: Attempt, status: RunStatus) -> None:
        # As the runner does: what is claimed in order to be stopped is not answered.
        status = "stopped" if attempt.is_stopped else status
        error = FAULT if status in ("failed", "limit") else None
        attempts.finish(attempt, status=status, text="", usage={}, error=error)

    def give_back(self, choice: int, _: bool) -> None:
        for attempt in self.one_of(choice):
            self.given_back.append(attempt)
            attempts.give_back(attempt)

    # What time and accidents do

    def lose_a_worker(self, choice: int, is_noticed: bool) -> None:
        for attempt in self.one_of(choice):
            Run.objects.filter(pk=attempt.run).update(lease_until=A_SECOND_AGO)
            if is_noticed:
                reaper.reap()
                self.fetch_all()
                self.look()
                assert attempt in self.stale
        for attempt in self.stale[choice : choice + 1]:
            assert_fenced(attempt, users=self.users)

    def lose_all(self, *_: object) -> None:
        """Nobody works for an hour."""
        runs = Run.objects.filter(user__in=self.users, state=RunState.RUNNING)
        runs.update(lease_until=A_SECOND_AGO)
        pass_time(seconds=3600)

    def beat(self, *_: object) -> None:
        asked = {run.public_id for run in self.seen.runs if run.cancel_requested_at}
        lost = attempts.renew_leases(self.working)
        assert lost == {one.run_id for one in self.working} & asked

    def reap(self, *_: object) -> None:
        reaper.reap()

    def keep_house(self, *_: object) -> None:
        reaper.drop_orphaned_jobs()

    def wait(self, *_: object) -> None:
        """So long that a run which nobody took counts as forgotten."""
        queued = Run.objects.filter(user__in=self.users, state=RunState.QUEUED)
        queued.update(created_at=Now() - 2 * reaper.FORGOTTEN_AFTER)

    def expire(self, *_: object) -> None:
        calls = ToolCall.objects.filter(run__user__in=self.users, status=CallState.WAITING)
        calls.update(expires_at=A_SECOND_AGO)
        approvals.expire()

    # Everything comes to an end

    def teardown(self) -> None:
        try:
            self.drain()
            assert not self.seen.unfinished()
            assert not any(self.seen.places.values())
        finally:
            # What a failed example left must not be looked after in the next.
            Run.objects.filter(ended_at=None).update(state=RunState.FAILED, ended_at=Now())
            ProcrastinateJob.objects.all().delete()

    def drain(self) -> None:
        """Nobody posts any more; workers come and go on with whatever there is."""
        for _ in range(DRAINED_WITHIN):
            self.everything_holds()
            if not self.seen.unfinished():
                return
            for attempt in self.working:
                self.end(attempt, "completed")
            self.expire()
            self.wait()
            reaper.reap()
            self.fetch_all()


def _use_up(user: User) -> int:
    """Use the month up but for a few runs; gives how many were used."""
    limit = entitlements_of(user).limits[questions.RUN_FEATURE]
    assert limit is not None
    key = f"earlier/{user.public_id}"
    billing.consume(user=user, feature=questions.RUN_FEATURE, amount=limit - RUNS_LEFT, key=key)
    return limit - RUNS_LEFT


def run_model(make_user: Callable[[], User], *, examples: int, steps: int) -> None:
    class Model(RunsModel):
        def __init__(self) -> None:
            super().__init__(make_user)

    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            # A busy machine is no bug of the runs.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_to_runs_their_invariants_hold(make_user: Callable[[], User]) -> None:
    run_model(make_user, examples=8, steps=20)


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_whatever_happens_for_long_their_invariants_hold(make_user: Callable[[], User]) -> None:
    run_model(make_user, examples=60, steps=60)
