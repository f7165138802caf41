"""One id and one machine from handshake to close (SPEC §1)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chat.connection.registry import ConnectionIdTaken, ConnectionRegistry
from chat.connection.state_machine import ConnectionState, ConnectionStateMachine
from netra.ids import ConnectionID, ThreadID, UserID
from tests.fakes.clock import Clock

S = ConnectionState
HANG_S = 30.0


def make_ready(machine: ConnectionStateMachine) -> ConnectionStateMachine:
    for state in (S.ACCEPTED, S.AUTHENTICATED, S.SERVICES_READY, S.PROCESSING_READY):
        assert machine.transition_to(state)
    return machine


def test_a_registered_connection_is_found_until_it_is_unregistered() -> None:
    registry, connection_id = ConnectionRegistry(), ConnectionID.new()
    machine = registry.register(connection_id, UserID.new())

    assert machine.connection_id == connection_id
    assert registry.get(connection_id) is machine
    assert registry.unregister(connection_id) is True
    assert registry.get(connection_id) is None
    assert registry.unregister(connection_id) is False


def test_a_new_connection_starts_connecting_on_the_registry_s_clock() -> None:
    machine = ConnectionRegistry(clock=Clock(42.0)).register(ConnectionID.new())

    assert machine.state is S.CONNECTING
    assert machine.metrics.last_activity == 42.0


def test_registering_again_for_the_same_user_returns_the_same_machine() -> None:
    registry, connection_id, user_id = ConnectionRegistry(), ConnectionID.new(), UserID.new()
    machine = make_ready(registry.register(connection_id, user_id))

    assert registry.register(ConnectionID(str(connection_id)), user_id) is machine
    assert registry.register(connection_id) is machine
    assert machine.state is S.PROCESSING_READY


def test_registering_again_for_another_user_is_refused() -> None:
    registry, connection_id, owner = ConnectionRegistry(), ConnectionID.new(), UserID.new()
    machine = registry.register(connection_id, owner)

    with pytest.raises(ConnectionIdTaken):
        registry.register(connection_id, UserID.new())

    assert registry.get(connection_id) is machine
    assert machine.user_id == owner


def test_a_connection_that_nobody_was_identified_for_can_be_claimed_once() -> None:
    registry, connection_id, user_id = ConnectionRegistry(), ConnectionID.new(), UserID.new()
    machine = registry.register(connection_id)

    assert registry.register(connection_id, user_id) is machine
    assert machine.user_id == user_id
    with pytest.raises(ConnectionIdTaken):
        registry.register(connection_id, UserID.new())


def test_an_unknown_connection_is_not_ready() -> None:
    registry = ConnectionRegistry()
    connection_id = ConnectionID.new()
    assert not registry.is_ready(connection_id)

    machine = registry.register(connection_id)
    assert not registry.is_ready(connection_id)
    make_ready(machine)
    assert registry.is_ready(connection_id)
    registry.unregister(connection_id)
    assert not registry.is_ready(connection_id)


@pytest.mark.parametrize("wrong", [ThreadID.new(), "conn_1_short", "CONN_1_abc123", ""])
def test_an_id_of_another_kind_is_refused_and_not_kept(wrong: Any) -> None:
    registry = ConnectionRegistry()

    with pytest.raises(ValueError, match="ConnectionID"):
        registry.register(wrong)

    assert registry.stats().total == 0


def test_machines_are_found_by_state_by_user_and_by_being_operational() -> None:
    registry, alice = ConnectionRegistry(), UserID.new()
    waiting = registry.register(ConnectionID.new(), alice)
    ready = make_ready(registry.register(ConnectionID.new(), alice))
    busy = make_ready(registry.register(ConnectionID.new(), UserID.new()))
    busy.transition_to(S.PROCESSING)

    assert registry.operational() == [ready, busy]
    assert registry.in_state(S.PROCESSING) == [busy]
    assert registry.in_state(S.CLOSED) == []
    assert registry.of_user(alice) == [waiting, ready]
    assert registry.of_user(UserID.new()) == []


def test_a_connection_identified_later_is_found_by_its_user() -> None:
    registry, alice = ConnectionRegistry(), UserID.new()
    machine = registry.register(ConnectionID.new())
    assert registry.of_user(alice) == []

    machine.identify(alice)

    assert registry.of_user(alice) == [machine]
    assert registry.of_user(UserID(str(alice))) == [machine]


def test_a_sweep_drops_exactly_the_terminal_ones() -> None:
    registry = ConnectionRegistry()
    closed, failed, closing, ready = (
        make_ready(registry.register(ConnectionID.new())) for _ in range(4)
    )
    closed.transition_to(S.CLOSED)
    failed.force_fail("gone")
    closing.transition_to(S.CLOSING)

    assert registry.sweep() == 2
    assert registry.sweep() == 0
    assert registry.get(closed.connection_id) is None
    assert registry.get(failed.connection_id) is None
    assert [registry.get(m.connection_id) for m in (closing, ready)] == [closing, ready]


def test_stats_count_all_the_operational_and_each_state() -> None:
    registry = ConnectionRegistry()
    for _ in range(3):
        make_ready(registry.register(ConnectionID.new()))
    registry.register(ConnectionID.new()).transition_to(S.CLOSED)

    stats = registry.stats()

    assert (stats.total, stats.operational) == (4, 3)
    assert stats.by_state == {S.PROCESSING_READY: 3, S.CLOSED: 1}
    assert stats.by_state[S.IDLE] == 0


def test_threads_that_register_one_id_get_one_machine() -> None:
    def slow_clock() -> float:
        time.sleep(0.02)
        return 0.0

    # The clock is read while a machine is made: all others get their turn in between.
    registry, connection_id = ConnectionRegistry(clock=slow_clock), ConnectionID.new()
    with ThreadPoolExecutor(8) as threads:
        machines = list(threads.map(registry.register, [connection_id] * 8))

    assert set(machines) == {registry.get(connection_id)}
    assert registry.stats().total == 1


def test_readers_are_not_disturbed_by_connections_that_come_and_go() -> None:
    registry, stop, errors = ConnectionRegistry(), threading.Event(), list[Exception]()

    def churn() -> None:
        while not stop.is_set():
            machine = make_ready(registry.register(ConnectionID.new()))
            registry.unregister(machine.connection_id)

    def read() -> None:
        try:
            for _ in range(300):
                assert len(registry.operational()) <= 2
                registry.stats()
                registry.sweep()
        except RuntimeError as error:
            errors.append(error)

    churners = [threading.Thread(target=churn) for _ in range(2)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in churners + readers:
        thread.start()
    for thread in readers:
        thread.join(HANG_S)
    stop.set()
    for thread in churners:
        thread.join(HANG_S)

    assert errors == []
