"""Every sentence of SPEC §1 about one machine on one thread."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, cast

import pytest

from chat.connection.state_machine import (
    OPERATIONAL,
    SETUP,
    TERMINAL,
    TRANSITIONS,
    ConnectionIdTaken,
    ConnectionState,
    ConnectionStateMachine,
    Snapshot,
)
from netra.ids import ConnectionID, ThreadID, UserID
from tests.fakes.clock import Clock

S = ConnectionState

# Copied from the specification, not from the code.
LEGAL = {
    "connecting": "accepted closed failed",
    "accepted": "authenticated closed failed",
    "authenticated": "services_ready degraded closed failed",
    "services_ready": "processing_ready degraded closed failed",
    "processing_ready": "processing idle degraded closing closed failed",
    "processing": "processing_ready idle degraded closing closed failed",
    "idle": "processing_ready processing degraded closing closed failed",
    "degraded": "processing_ready processing idle reconnecting closing closed failed",
    "reconnecting": "services_ready processing_ready degraded closed failed",
    "closing": "closed",
    "closed": "",
    "failed": "connecting",
}

SETUP_PATH = (S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY, S.PROCESSING_READY)

# The shortest legal way from a new machine into each state.
PATHS: dict[ConnectionState, tuple[ConnectionState, ...]] = {
    S.CONNECTING: (),
    S.ACCEPTED: SETUP_PATH[:1],
    S.AUTHENTICATED: SETUP_PATH[:2],
    S.SERVICES_READY: SETUP_PATH[:3],
    S.PROCESSING_READY: SETUP_PATH,
    S.PROCESSING: (*SETUP_PATH, S.PROCESSING),
    S.IDLE: (*SETUP_PATH, S.IDLE),
    S.DEGRADED: (S.ACCEPTED, S.AUTHENTICATED, S.DEGRADED),
    S.RECONNECTING: (*SETUP_PATH, S.DEGRADED, S.RECONNECTING),
    S.CLOSING: (*SETUP_PATH, S.CLOSING),
    S.CLOSED: (S.CLOSED,),
    S.FAILED: (S.FAILED,),
}


def machine_in(state: ConnectionState, clock: Clock | None = None) -> ConnectionStateMachine:
    machine = ConnectionStateMachine(ConnectionID.new(), clock=clock or Clock())
    for step in PATHS[state]:
        assert machine.transition_to(step)
    return machine


def test_the_table_holds_the_46_moves_of_the_specification() -> None:
    moves = {(source.value, target.value) for source in S for target in TRANSITIONS[source]}

    expected = {(source, target) for source, text in LEGAL.items() for target in text.split()}
    assert moves == expected
    assert len(moves) == 46


@pytest.mark.parametrize(("source", "target"), list(product(S, S)))
def test_each_of_the_144_moves_is_made_or_refused_as_specified(
    source: ConnectionState, target: ConnectionState
) -> None:
    machine = machine_in(source)
    before, history = machine.snapshot(), machine.history

    moved = machine.transition_to(target)

    assert moved is (target.value in LEGAL[source.value].split())
    assert machine.state is (target if moved else source)
    assert len(machine.history) == len(history) + moved
    if not moved:
        refused = machine.metrics.refused_transitions
        assert refused == before.metrics.refused_transitions + 1
        assert machine.metrics.transitions == before.metrics.transitions


def test_the_three_sets_are_disjoint_and_leave_out_two_states() -> None:
    assert {S.CONNECTING, S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY} == SETUP
    assert {S.PROCESSING_READY, S.PROCESSING, S.IDLE, S.DEGRADED} == OPERATIONAL
    assert {S.CLOSED, S.FAILED} == TERMINAL
    assert set(S) - SETUP - OPERATIONAL - TERMINAL == {S.RECONNECTING, S.CLOSING}
    assert len(SETUP) + len(OPERATIONAL) + len(TERMINAL) == 10


@pytest.mark.parametrize("state", list(S))
def test_readings_follow_from_the_state(state: ConnectionState) -> None:
    machine = machine_in(state)

    for reading in (machine, machine.snapshot()):
        assert reading.state is state
        assert reading.is_setup is (state in SETUP)
        assert reading.is_operational is (state in OPERATIONAL)
        assert reading.is_terminal is (state in TERMINAL)
        assert reading.can_process_messages is (state in OPERATIONAL)


def test_a_transport_that_was_accepted_is_not_ready() -> None:
    machine = machine_in(S.ACCEPTED)

    assert not machine.can_process_messages


def test_degraded_without_accepted_and_authenticated_processes_nothing() -> None:
    ready = machine_in(S.DEGRADED).snapshot()
    unready = Snapshot(S.DEGRADED, ConnectionStateMachine(ConnectionID.new()).metrics)

    assert ready.can_process_messages
    assert unready.is_operational
    assert not unready.can_process_messages


@pytest.mark.parametrize("wrong", ["accepted", "", None, 1, object()])
def test_what_is_no_state_is_a_type_error_and_counts_nothing(wrong: object) -> None:
    machine = machine_in(S.CONNECTING)

    with pytest.raises(TypeError):
        machine.transition_to(cast(ConnectionState, wrong))

    assert machine.state is S.CONNECTING
    assert machine.metrics.refused_transitions == 0


def test_expected_text_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        machine_in(S.CONNECTING).transition_to(S.ACCEPTED, expected=cast(S, "connecting"))


def test_expected_makes_it_compare_and_set() -> None:
    machine = machine_in(S.PROCESSING_READY)

    assert not machine.transition_to(S.PROCESSING, expected=S.IDLE)
    assert machine.snapshot().state is S.PROCESSING_READY
    assert machine.metrics.refused_transitions == 1
    assert machine.transition_to(S.PROCESSING, expected=S.PROCESSING_READY)
    assert machine.snapshot().state is S.PROCESSING


def test_a_run_of_refusals_never_changes_a_later_legal_move() -> None:
    machine = machine_in(S.AUTHENTICATED)
    for _ in range(500):
        assert not machine.transition_to(S.PROCESSING)

    assert machine.transition_to(S.SERVICES_READY)
    assert machine.state is S.SERVICES_READY
    assert machine.metrics.refused_transitions == 500


def test_history_tells_each_move_with_its_time_reason_and_metadata() -> None:
    clock = Clock(50.0)
    machine = ConnectionStateMachine(ConnectionID.new(), clock=clock)
    clock.advance(2.5)
    machine.transition_to(S.ACCEPTED, reason="handshake", metadata={"path": "/ws/chat/"})

    (move,) = machine.history
    assert (move.from_state, move.to_state) == (S.CONNECTING, S.ACCEPTED)
    assert (move.at, move.reason, move.metadata) == (52.5, "handshake", {"path": "/ws/chat/"})


def test_metadata_is_a_read_only_copy() -> None:
    given: dict[str, Any] = {"step": 1, "missing": ["bus"]}
    machine = machine_in(S.CONNECTING)
    machine.transition_to(S.ACCEPTED, metadata=given)
    given["step"] = 2
    given["missing"].append("runs")

    kept = machine.history[0].metadata
    assert kept == {"step": 1, "missing": ["bus"]}
    with pytest.raises(TypeError):
        cast(dict[str, object], kept)["step"] = 3


def test_history_keeps_the_last_200() -> None:
    clock = Clock()
    machine = machine_in(S.PROCESSING_READY, clock)
    for step in range(150):
        clock.now = float(step)
        machine.transition_to(S.PROCESSING)
        machine.transition_to(S.PROCESSING_READY)

    assert isinstance(machine.history, tuple)
    assert len(machine.history) == 200
    assert [machine.history[0].at, machine.history[-1].at] == [50.0, 149.0]
    assert machine.metrics.transitions == 304


def test_metrics_of_a_fresh_machine() -> None:
    metrics = ConnectionStateMachine(ConnectionID.new(), clock=Clock(7.0)).metrics

    assert (metrics.transitions, metrics.refused_transitions) == (0, 0)
    assert metrics.setup_duration_s is None
    assert metrics.phases_completed == frozenset()
    assert metrics.last_activity == 7.0


def test_setup_duration_ends_with_the_first_operational_state() -> None:
    clock = Clock()
    machine = machine_in(S.SERVICES_READY, clock)
    assert machine.snapshot().metrics.setup_duration_s is None
    clock.advance(1.5)
    machine.transition_to(S.PROCESSING_READY)
    clock.advance(60)
    machine.transition_to(S.IDLE)

    assert machine.metrics.setup_duration_s == 1.5
    assert machine.metrics.phases_completed == {S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY}
    assert machine.metrics.last_activity == clock.now


def test_a_reconnect_does_not_overwrite_the_setup_duration() -> None:
    clock = Clock()
    machine = machine_in(S.SERVICES_READY, clock)
    clock.advance(0.5)
    for state in (S.PROCESSING_READY, S.DEGRADED, S.RECONNECTING, S.SERVICES_READY):
        assert machine.transition_to(state)
    clock.advance(9)
    machine.transition_to(S.PROCESSING_READY)

    assert machine.metrics.setup_duration_s == 0.5


def test_degraded_and_back_needs_no_new_setup() -> None:
    machine = machine_in(S.AUTHENTICATED)

    assert machine.transition_to(S.DEGRADED, reason="bus away")
    assert machine.can_process_messages
    assert machine.transition_to(S.PROCESSING_READY, reason="bus back")
    assert machine.can_process_messages


class Spoilt(Mapping[str, object]):
    """Metadata that cannot be copied."""

    def __getitem__(self, key: str) -> object:
        raise OSError("unreadable")

    def __iter__(self) -> Iterator[str]:
        return iter(("key",))

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("state", [S.CONNECTING, S.SERVICES_READY, S.PROCESSING, S.FAILED])
def test_an_error_while_recording_leaves_no_trace(state: ConnectionState) -> None:
    clock = Clock()
    machine = machine_in(state, clock)
    before, history = machine.snapshot(), machine.history
    told: list[object] = []
    machine.add_observer(told.append)
    target = next(iter(TRANSITIONS[state]))

    with pytest.raises(OSError, match="unreadable"):
        machine.transition_to(target, metadata=Spoilt())
    clock.error = OSError("no time")
    with pytest.raises(OSError, match="no time"):
        machine.transition_to(target)

    assert (machine.snapshot(), machine.history, told) == (before, history, [])
    clock.error = None
    assert machine.transition_to(target)


def test_an_error_while_failing_by_force_leaves_no_trace() -> None:
    clock = Clock()
    machine = machine_in(S.CLOSING, clock)
    before = machine.snapshot()
    clock.error = OSError("no time")

    with pytest.raises(OSError, match="no time"):
        machine.force_fail("stuck")

    assert machine.snapshot() == before


@pytest.mark.parametrize("state", [state for state in S if state not in TERMINAL])
def test_force_fail_works_from_any_state_that_is_not_terminal(state: ConnectionState) -> None:
    machine = machine_in(state)

    assert machine.force_fail("operator")

    last = machine.history[-1]
    assert machine.state is S.FAILED
    assert (last.from_state, last.to_state, last.reason) == (state, S.FAILED, "operator")
    assert last.metadata["emergency"] is True


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_force_fail_from_a_terminal_state_is_refused(state: ConnectionState) -> None:
    machine = machine_in(state)
    history = machine.history

    assert machine.force_fail("again") is False
    assert (machine.state, machine.history) == (state, history)
    assert machine.metrics.refused_transitions == 1


def test_a_retry_after_force_fail_starts_afresh_on_the_first_try() -> None:
    clock = Clock()
    machine = machine_in(S.PROCESSING, clock)
    machine.transition_to(S.CONNECTING)
    machine.force_fail("operator")
    clock.advance(100)

    assert machine.transition_to(S.CONNECTING, reason="retry")
    metrics = machine.metrics
    assert (metrics.transitions, metrics.refused_transitions) == (0, 0)
    assert (metrics.setup_duration_s, metrics.phases_completed) == (None, frozenset())
    clock.advance(2)
    for state in SETUP_PATH:
        assert machine.transition_to(state)
    assert machine.metrics.setup_duration_s == 2
    assert [move.reason for move in machine.history][-6:-4] == ["operator", "retry"]


def test_identify_takes_one_identity_once() -> None:
    machine = machine_in(S.ACCEPTED)
    alice = UserID.new()

    machine.identify(alice)
    machine.identify(UserID(str(alice)))

    with pytest.raises(ConnectionIdTaken) as refused:
        machine.identify(UserID.new())
    assert machine.user_id == alice
    assert refused.value.connection_id == machine.connection_id


def test_a_machine_made_for_a_user_takes_no_other() -> None:
    machine = ConnectionStateMachine(ConnectionID.new(), UserID.new())

    with pytest.raises(ConnectionIdTaken):
        machine.identify(UserID.new())


@pytest.mark.parametrize("wrong", [ThreadID.new(), "", "conn", "pending_auth", 7])
def test_ids_of_another_kind_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="ConnectionID"):
        ConnectionStateMachine(wrong)
    with pytest.raises(ValueError, match="UserID"):
        ConnectionStateMachine(ConnectionID.new(), wrong)
    with pytest.raises(ValueError, match="UserID"):
        machine_in(S.ACCEPTED).identify(wrong)


def test_a_machine_says_which_connection_it_is() -> None:
    machine = ConnectionStateMachine(ConnectionID("conn_1_abc123"))

    assert repr(machine) == "<ConnectionStateMachine conn_1_abc123 connecting>"
