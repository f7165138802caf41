"""What holds of runs at every moment, whatever happened to them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from accounts.models import User
from billing.models import Reservation
from billing.selectors import entitlements_of
from chat import questions, turns
from chat.models import Event, Run, Thread, ToolCall
from chat.runs.lifecycle import ACTIVE, ATTEMPTS_MAX, TERMINAL, CallState, RunState

S = Reservation.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The runs of some users, newest first, with their calls and the logs of their threads."""

    runs: Sequence[Run]
    calls: Sequence[ToolCall]
    heads: Mapping[int, int]
    # Of each thread, oldest first.
    events: Mapping[int, Sequence[Event]]
    # By the state of the reservation that a run's id is the key of.
    quota: Mapping[str, str]
    # How many places each user holds.
    places: Mapping[int, int]

    @classmethod
    def of(cls, users: Sequence[User]) -> Self:
        runs = Run.objects.filter(user__in=users).select_related("thread", "user", "question")
        events: defaultdict[int, list[Event]] = defaultdict(list)
        for event in Event.objects.filter(thread__user__in=users).order_by("seq"):
            events[event.thread_id].append(event)
        reservations = Reservation.objects.filter(user__in=users)
        held = reservations.filter(feature=turns.SLOT_FEATURE, state=S.HELD)
        return cls(
            runs=list(runs.order_by("-pk")),
            calls=list(ToolCall.objects.filter(run__user__in=users).order_by("-pk")),
            heads=dict(Thread.objects.filter(user__in=users).values_list("pk", "head")),
            events=events,
            quota=dict(
                reservations.filter(feature=questions.RUN_FEATURE).values_list("key", "state")
            ),
            places=Counter(held.values_list("user_id", flat=True)),
        )

    def unfinished(self) -> list[Run]:
        return [run for run in self.runs if run.state not in TERMINAL]

    def waiting_calls(self) -> list[ToolCall]:
        return [call for call in self.calls if call.status == CallState.WAITING]

    def events_of(self, run: Run) -> list[Event]:
        return [one for one in self.events[run.thread_id] if one.run_id == run.public_id]


def assert_all(seen: Seen) -> None:
    assert_active_within_plan(seen)
    assert_logs_have_no_gap(seen)
    for run in seen.runs:
        events = seen.events_of(run)
        assert_bracket(run, [event.type for event in events])
        assert_calls_are_paired(run, events)
        assert_charged_once(run, seen.quota[run.public_id])


def assert_active_within_plan(seen: Seen) -> None:
    active = [run for run in seen.runs if run.state in ACTIVE]
    assert max(Counter(run.thread_id for run in active).values(), default=0) <= 1
    # Who only comes to end a stopped run needs no place.
    working = Counter(
        run.user
        for run in active
        if run.state == RunState.RUNNING and run.cancel_requested_at is None
    )
    for user, count in working.items():
        allowed = entitlements_of(user).limits[turns.SLOT_FEATURE]
        assert allowed is None or count <= seen.places[user.pk] <= allowed


def assert_logs_have_no_gap(seen: Seen) -> None:
    for thread, head in seen.heads.items():
        assert [event.seq for event in seen.events[thread]] == list(range(1, head + 1))


def assert_bracket(run: Run, kinds: Sequence[str]) -> None:
    """One start, one end, nothing after it; and no more attempts than there may be."""
    ended = run.state in TERMINAL
    assert kinds.count("agent_started") == int(run.attempt > 0 or ended)
    assert kinds.count("agent_completed") == int(ended)
    assert not ended or kinds[-1] == "agent_completed"
    # Only those that wait for their turn say so before they start.
    begun = [kind for kind in kinds if kind != "run_queued"]
    assert not begun or begun[0] == "agent_started"
    assert kinds.count("run_resumed") == max(0, run.attempt - 1)
    assert run.attempt <= ATTEMPTS_MAX + run.handovers


def assert_calls_are_paired(run: Run, events: Sequence[Event]) -> None:
    asked, resolved, begun, closed = (
        [_call_id(event) for event in events if event.type == kind]
        for kind in (
            "approval_required", "approval_resolved", "tool_executing", "tool_completed",
        )
    )  # fmt: skip
    for once in (asked, resolved, begun, closed):
        assert len(set(once)) == len(once)
    assert set(resolved) <= set(asked)
    # What was denied, or stopped before it began, is closed without having been executed.
    assert set(closed) <= set(begun) | set(resolved)
    if run.state in TERMINAL:
        assert set(begun) <= set(closed)
        assert set(asked) == set(resolved)


def _call_id(event: Event) -> str:
    return event.data.partition('"call_id":"')[2].partition('"')[0]


def assert_charged_once(run: Run, state: str) -> None:
    if run.state not in TERMINAL:
        assert state == S.HELD
    elif run.state == RunState.FAILED or run.attempt == 0:
        assert state == S.RELEASED
    else:
        assert state == S.SETTLED
