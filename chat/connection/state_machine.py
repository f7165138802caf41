"""The life of one connection, as one table of legal moves (SPEC §1).

*Transport accepted* is not *application ready*: a connection may process messages only in an
operational state, and the machine below is the one place that knows which state it is in.
"""

import threading
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final

from chat.connection.observers import Observer, Observers
from chat.errors import ChatError
from netra.ids import ConnectionID, UserID


class ConnectionState(StrEnum):
    """Where a connection stands between handshake and close."""

    CONNECTING = "connecting"
    ACCEPTED = "accepted"
    AUTHENTICATED = "authenticated"
    SERVICES_READY = "services_ready"
    PROCESSING_READY = "processing_ready"
    PROCESSING = "processing"
    IDLE = "idle"
    DEGRADED = "degraded"
    RECONNECTING = "reconnecting"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


CONNECTING = ConnectionState.CONNECTING
ACCEPTED = ConnectionState.ACCEPTED
AUTHENTICATED = ConnectionState.AUTHENTICATED
SERVICES_READY = ConnectionState.SERVICES_READY
PROCESSING_READY = ConnectionState.PROCESSING_READY
PROCESSING = ConnectionState.PROCESSING
IDLE = ConnectionState.IDLE
DEGRADED = ConnectionState.DEGRADED
RECONNECTING = ConnectionState.RECONNECTING
CLOSING = ConnectionState.CLOSING
CLOSED = ConnectionState.CLOSED
FAILED = ConnectionState.FAILED

# Reconnecting and closing are in none of the three.
SETUP: Final = frozenset({CONNECTING, ACCEPTED, AUTHENTICATED, SERVICES_READY})
OPERATIONAL: Final = frozenset({PROCESSING_READY, PROCESSING, IDLE, DEGRADED})
TERMINAL: Final = frozenset({CLOSED, FAILED})

# fmt: off
TRANSITIONS: Final[Mapping[ConnectionState, frozenset[ConnectionState]]] = MappingProxyType({
    CONNECTING:       frozenset({ACCEPTED, CLOSED, FAILED}),
    ACCEPTED:         frozenset({AUTHENTICATED, CLOSED, FAILED}),
    AUTHENTICATED:    frozenset({SERVICES_READY, DEGRADED, CLOSED, FAILED}),
    SERVICES_READY:   frozenset({PROCESSING_READY, DEGRADED, CLOSED, FAILED}),
    PROCESSING_READY: frozenset({PROCESSING, IDLE, DEGRADED, CLOSING, CLOSED, FAILED}),
    PROCESSING:       frozenset({PROCESSING_READY, IDLE, DEGRADED, CLOSING, CLOSED, FAILED}),
    IDLE:             frozenset({PROCESSING_READY, PROCESSING, DEGRADED, CLOSING, CLOSED, FAILED}),
    DEGRADED:         frozenset({PROCESSING_READY, PROCESSING, IDLE, RECONNECTING,
                                 CLOSING, CLOSED, FAILED}),
    RECONNECTING:     frozenset({SERVICES_READY, PROCESSING_READY, DEGRADED, CLOSED, FAILED}),
    CLOSING:          frozenset({CLOSED}),
    CLOSED:           frozenset(),
    FAILED:           frozenset({CONNECTING}),
})
# fmt: on

HISTORY_LIMIT: Final = 200

_NO_METADATA: Final[Mapping[str, object]] = MappingProxyType({})
_EMERGENCY: Final[Mapping[str, object]] = MappingProxyType({"emergency": True})


class ConnectionIdTaken(ChatError):
    """The connection already belongs to another user."""

    def __init__(self, connection_id: ConnectionID) -> None:
        super().__init__(connection_id)
        self.connection_id = connection_id


@dataclass(frozen=True, slots=True)
class Transition:
    """One move that was made; `at` is the clock's reading, `metadata` a read-only copy."""

    from_state: ConnectionState
    to_state: ConnectionState
    at: float
    reason: str
    metadata: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ConnectionMetrics:
    """Counters since the machine was made or last retried; times are the clock's seconds."""

    transitions: int
    refused_transitions: int
    setup_duration_s: float | None
    phases_completed: frozenset[ConnectionState]
    last_activity: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state and all its readings at one moment; immutable, so they always agree."""

    state: ConnectionState
    metrics: ConnectionMetrics

    @property
    def is_setup(self) -> bool:
        return self.state in SETUP

    @property
    def is_operational(self) -> bool:
        return self.state in OPERATIONAL

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def can_process_messages(self) -> bool:
        if self.state is DEGRADED:
            return self.metrics.phases_completed.issuperset((ACCEPTED, AUTHENTICATED))
        return self.state in OPERATIONAL


class ConnectionStateMachine:
    """One connection's state; every method may be called from any thread."""

    __slots__ = (
        "_clock",
        "_history",
        "_lock",
        "_now",
        "_observers",
        "_setup_since",
        "_user_id",
        "connection_id",
    )

    def __init__(
        self,
        connection_id: ConnectionID,
        user_id: UserID | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection_id = ConnectionID(connection_id)
        self._user_id = None if user_id is None else UserID(user_id)
        self._clock = clock
        self._lock = threading.Lock()
        self._setup_since = clock()
        # Replaced whole on every move: a reader takes it in one step and needs no lock.
        self._now = Snapshot(CONNECTING, _fresh_metrics(self._setup_since))
        self._history: list[Transition] = []
        self._observers: Observers[Transition] | None = None

    def __repr__(self) -> str:
        return f"<ConnectionStateMachine {self.connection_id} {self.state}>"

    @property
    def user_id(self) -> UserID | None:
        return self._user_id

    @property
    def state(self) -> ConnectionState:
        return self._now.state

    @property
    def is_setup(self) -> bool:
        return self._now.is_setup

    @property
    def is_operational(self) -> bool:
        return self._now.is_operational

    @property
    def is_terminal(self) -> bool:
        return self._now.is_terminal

    @property
    def can_process_messages(self) -> bool:
        return self._now.can_process_messages

    @property
    def metrics(self) -> ConnectionMetrics:
        return self._now.metrics

    @property
    def history(self) -> tuple[Transition, ...]:
        """The last 200 moves, oldest first."""
        with self._lock:
            return tuple(self._history)

    def snapshot(self) -> Snapshot:
        """State and readings, taken together."""
        return self._now

    def identify(self, user_id: UserID) -> None:
        """Say once whose connection this is; another identity raises ConnectionIdTaken."""
        user_id = UserID(user_id)
        with self._lock:
            if self._user_id is None:
                self._user_id = user_id
            elif self._user_id != user_id:
                raise ConnectionIdTaken(self.connection_id)

    def transition_to(
        self,
        state: ConnectionState,
        *,
        reason: str = "",
        metadata: Mapping[str, object] | None = None,
        expected: ConnectionState | None = None,
    ) -> bool:
        """Move to `state` if TRANSITIONS allows it, and from `expected` only where that is given.

        True when the move was made, False when it was refused and nothing moved. Observers have
        been called on return, unless another move's news is still being told: that teller goes
        on with this one. Raises TypeError for what is no ConnectionState, and lets an error of
        the clock or of the metadata through with nothing changed.
        """
        _require_state(state)
        if expected is not None:
            _require_state(expected)
        # Copied before the lock, and through: a mapping may be foreign code, its values mutable.
        kept = MappingProxyType(deepcopy(dict(metadata))) if metadata else _NO_METADATA
        with self._lock:
            current = self._now.state
            is_expected = expected is None or expected is current
            if not is_expected or state not in TRANSITIONS[current]:
                self._refuse()
                return False
            observers = self._move(state, reason, kept)
        if observers is not None:
            observers.tell()
        return True

    def force_fail(self, reason: str) -> bool:
        """Fail from any state that is not terminal, whatever TRANSITIONS says."""
        with self._lock:
            if self._now.state in TERMINAL:
                self._refuse()
                return False
            observers = self._move(FAILED, reason, _EMERGENCY)
        if observers is not None:
            observers.tell()
        return True

    def add_observer(self, observer: Observer[Transition]) -> None:
        """Call `observer` with each later Transition; adding it twice is adding it once.

        An async one runs on the loop that is running now (RuntimeError when none is), one move
        after the other.
        """
        with self._lock:
            if self._observers is None:
                self._observers = Observers()
            self._observers.add(observer)

    def remove_observer(self, observer: Observer[Transition]) -> bool:
        """Stop calling `observer`; moves already handed to its loop still reach an async one."""
        return self._observers is not None and self._observers.remove(observer)

    def _refuse(self) -> None:
        metrics = self._now.metrics
        counted = replace(metrics, refused_transitions=metrics.refused_transitions + 1)
        self._now = replace(self._now, metrics=counted)

    def _move(
        self, state: ConnectionState, reason: str, metadata: Mapping[str, object]
    ) -> Observers[Transition] | None:
        """Record a move, all or nothing; returns the observers its maker has to tell."""
        # Whatever can fail comes first and what is published comes last: that is the rollback.
        at = self._clock()
        before = self._now.state
        transition = Transition(before, state, at, reason, metadata)
        is_retry = before is FAILED
        now = Snapshot(state, _fresh_metrics(at) if is_retry else self._metrics_after(state, at))
        self._history.append(transition)
        if len(self._history) > HISTORY_LIMIT:
            del self._history[0]
        if is_retry:
            self._setup_since = at
        self._now = now
        must_tell = self._observers is not None and self._observers.queue(transition)
        return self._observers if must_tell else None

    def _metrics_after(self, state: ConnectionState, at: float) -> ConnectionMetrics:
        metrics = self._now.metrics
        setup_duration_s = metrics.setup_duration_s
        if setup_duration_s is None and state in OPERATIONAL:
            setup_duration_s = at - self._setup_since
        return ConnectionMetrics(
            metrics.transitions + 1,
            metrics.refused_transitions,
            setup_duration_s,
            _with_phase(metrics.phases_completed, state),
            at,
        )


def _require_state(state: object) -> None:
    # A StrEnum equals its spelling, so plain text would pass the table.
    if not isinstance(state, ConnectionState):
        raise TypeError(f"not a ConnectionState: {state!r}")


def _fresh_metrics(at: float) -> ConnectionMetrics:
    return ConnectionMetrics(0, 0, None, frozenset(), at)


@cache
def _with_phase(
    phases: frozenset[ConnectionState], state: ConnectionState
) -> frozenset[ConnectionState]:
    # Cached so that all machines share the few sets there are, instead of holding one each.
    return phases | {state} if state in SETUP else phases
