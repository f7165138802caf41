from itertools import product

import pytest

from chat.runs.lifecycle import (
    ACTIVE,
    TERMINAL,
    TRANSITIONS,
    UNFINISHED,
    RunState,
    sources_of,
)

S = RunState
LEGAL = {
    (S.QUEUED, S.RUNNING), (S.QUEUED, S.STOPPED), (S.QUEUED, S.FAILED), (S.QUEUED, S.LIMIT),
    (S.RUNNING, S.RUNNING), (S.RUNNING, S.WAITING), (S.RUNNING, S.COMPLETED),
    (S.RUNNING, S.STOPPED), (S.RUNNING, S.FAILED), (S.RUNNING, S.LIMIT),
    (S.WAITING, S.RUNNING), (S.WAITING, S.COMPLETED), (S.WAITING, S.STOPPED),
    (S.WAITING, S.FAILED), (S.WAITING, S.LIMIT),
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(product(RunState, RunState)))
def test_each_move_is_legal_exactly_when_the_table_says_so(source: S, target: S) -> None:
    assert (target in TRANSITIONS[source]) == ((source, target) in LEGAL)
    assert (source in sources_of(target)) == ((source, target) in LEGAL)


def test_terminal_states_have_no_way_out_and_the_others_have() -> None:
    assert {state for state in RunState if not TRANSITIONS[state]} == TERMINAL
    assert set(RunState) == TERMINAL | UNFINISHED
    assert not TERMINAL & UNFINISHED
    assert ACTIVE < UNFINISHED
