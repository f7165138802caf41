"""The states of a run and of its tool calls, and the moves of a run between them, in one table."""

from enum import StrEnum
from typing import Final


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    LIMIT = "limit"


class CallState(StrEnum):
    """How a tool call stands; the last four are how it ended."""

    WAITING = "waiting"  # for the user's decision
    APPROVED = "approved"  # and not begun yet
    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    STOPPED = "stopped"
    DENIED = "denied"


OPEN_CALLS: Final = frozenset({CallState.WAITING, CallState.APPROVED, CallState.RUNNING})

TERMINAL: Final = frozenset({RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, RunState.LIMIT})
UNFINISHED: Final = frozenset(RunState) - TERMINAL
# Holds the thread: at most one run of a thread is in these.
ACTIVE: Final = frozenset({RunState.RUNNING, RunState.WAITING})

TRANSITIONS: Final[dict[RunState, frozenset[RunState]]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING}) | TERMINAL - {RunState.COMPLETED},
    # running -> running is a further attempt after a crash.
    RunState.RUNNING: frozenset({RunState.RUNNING, RunState.WAITING}) | TERMINAL,
    RunState.WAITING: frozenset({RunState.RUNNING}) | TERMINAL,
    RunState.COMPLETED: frozenset(),
    RunState.STOPPED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.LIMIT: frozenset(),
}  # fmt: skip

ATTEMPTS_MAX: Final = 2


def sources_of(target: RunState) -> frozenset[RunState]:
    """The states from which `target` may be reached."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)
