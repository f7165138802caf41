"""Restricting an analysis to models, users, projects and days."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.agents.usage.analysis import Export, analyse
from chat.agents.usage.report import UsageReport
from chat.agents.usage.selection import Names, Narrowing, UnknownName, choose
from chat.agents.usage.table import UnreadableData

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DATA = b"""date,model,user,project,cost
2026-11-01,gpt-4o,ada,support,1
2026-11-02,gpt-4o-mini,ada,support,2
2026-11-03,gpt-4o,bob,billing,4
2026-11-04,claude-sonnet-4-5,bob,support,8
,gpt-4o,eve,billing,16
oops,claude-sonnet-4-5,eve,support,free
"""


def report(narrowing: Narrowing) -> UsageReport:
    export = Export(id="file_1_aaaaaa", name="usage.csv", data=DATA)
    return analyse(export, now=NOW, narrowing=narrowing)


SELECTED = [
    (Narrowing(only=("gpt-4o",)), 1 + 4 + 16),
    (Narrowing(only=("GPT 4o",)), 1 + 4 + 16),
    (Narrowing(only=("gpt",)), 1 + 2 + 4 + 16),
    (Narrowing(only=("sonnet",)), 8),
    (Narrowing(only=("ada",)), 1 + 2),
    (Narrowing(only=("billing",)), 4 + 16),
    (Narrowing(only=("gpt-4o", "ada")), 1),
    (Narrowing(only=("ada", "bob")), 1 + 2 + 4 + 8),
    (Narrowing(since=date(2026, 11, 2)), 2 + 4 + 8),
    (Narrowing(until=date(2026, 11, 2)), 1 + 2),
    (Narrowing(only=("support",), since=date(2026, 11, 2), until=date(2026, 11, 3)), 2),
]


@pytest.mark.parametrize(("narrowing", "cost"), SELECTED)
def test_sums_are_over_the_chosen_rows_alone(narrowing: Narrowing, cost: int) -> None:
    found = report(narrowing)

    assert found.total.cost == Decimal(cost)
    assert sum((group.totals.cost or 0 for group in found.models), Decimal(0)) == cost
    assert found.rows.read == found.rows.used + found.rows.skipped + found.rows.left_out == 6
    assert found.rows.skipped == 1


def test_a_report_says_what_it_is_restricted_to() -> None:
    chosen = report(Narrowing(only=("gpt", "ada"), since=date(2026, 11, 1))).selection

    assert chosen is not None
    assert chosen.models == ["gpt-4o", "gpt-4o-mini"]
    assert chosen.users == ["ada"]
    assert chosen.projects == []
    assert (chosen.only, chosen.since, chosen.until) == (["gpt", "ada"], date(2026, 11, 1), None)
    assert report(Narrowing()).selection is None


def test_a_name_that_nobody_has_is_answered_with_those_that_are_there() -> None:
    with pytest.raises(UnknownName) as caught:
        report(Narrowing(only=("gemini",)))

    assert "called “gemini”" in caught.value.message
    assert "claude-sonnet-4-5, gpt-4o, gpt-4o-mini; ada, bob, eve;" in caught.value.message


def test_days_without_rows_are_answered_in_words() -> None:
    with pytest.raises(UnreadableData, match="No row of the data is of what you ask for"):
        report(Narrowing(since=date(2027, 1, 1)))


names = st.lists(st.text(max_size=8), max_size=6)


@given(names, names, names, st.text(max_size=8))
def test_a_whole_name_is_always_found_as_itself(
    models: list[str], users: list[str], projects: list[str], term: str
) -> None:
    known = Names(zip(models, users, projects, strict=False))
    try:
        chosen = choose(Narrowing(only=(term,)), known)
    except UnknownName:
        assert term not in known.models or not any(map(str.isalnum, term))
        return
    assert term not in known.models or term in chosen.models
    assert bool(chosen.models) + bool(chosen.users) + bool(chosen.projects) == 1
