"""What a follow-up restricts an analysis to, in the words that people use."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.agents.follow_ups import follow_up_in
from chat.agents.usage.analysis import Export, analyse

LAST = analyse(
    Export(
        id="file_1_aaaaaa",
        name="usage.csv",
        data=b"date,model,user,project,cost\n"
        b"2026-11-01,gpt-4o,ada,support-bot,1\n"
        b"2026-11-15,gpt-4o-mini,Grace Hopper,billing,2\n",
    ),
    now=datetime(2026, 11, 22, tzinfo=UTC),
)

ONLY = [
    ("only gpt-4o", ("gpt-4o",), ""),
    ("Only for gpt-4o, please.", ("gpt-4o",), "please"),
    ("gpt-4o only", ("gpt-4o",), ""),
    ("and only gpt-4o by day", ("gpt-4o",), "and by day"),
    ("just the user ada and project billing", ("ada", "billing"), ""),
    ("only claude or gemini-2.5-flash", ("claude", "gemini-2.5-flash"), ""),
    ("show latency only for support-bot", ("support-bot",), "show latency"),
    ("filter by “Grace Hopper”", ("Grace Hopper",), ""),
    ("restrict to gpt-4o-mini!", ("gpt-4o-mini",), ""),
    ("only unheard-of", ("unheard-of",), ""),
    ("and for gpt-4o?", ("gpt-4o",), "and for gpt-4o"),
    ("what about gpt-4o-mini?", ("gpt-4o-mini",), "what about gpt-4o-mini"),
    ("how much did ada spend?", ("ada",), "how much did ada spend"),
    ("how much did gpt-4o cost?", (), "how much did gpt-4o cost"),
    ("I only wanted to say hi", (), "I only wanted to say hi"),
    ("which model is the adamant one?", (), "which model is the adamant one"),
]


@pytest.mark.parametrize(("text", "only", "rest"), ONLY)
def test_names_are_taken_out_of_the_words(text: str, only: tuple[str, ...], rest: str) -> None:
    found = follow_up_in(text, LAST)

    assert found.only == only
    assert " ".join(found.rest.split()).strip(" ?.!,”") == rest


DAYS = [
    ("only the last 7 days", date(2026, 11, 9), date(2026, 11, 15)),
    ("in the last 2 weeks", date(2026, 11, 2), date(2026, 11, 15)),
    ("last week by model", date(2026, 11, 9), date(2026, 11, 15)),
    ("since 2026-11-10", date(2026, 11, 10), None),
    ("until 2026-11-10", None, date(2026, 11, 10)),
    ("between 2026-11-02 and 2026-11-10", date(2026, 11, 2), date(2026, 11, 10)),
    ("only 2026-11-15", date(2026, 11, 15), date(2026, 11, 15)),
    ("since 2026-99-99", None, None),
    ("in the last 999 weeks", date(2007, 9, 24), date(2026, 11, 15)),
    ("and yesterday?", None, None),
]


@pytest.mark.parametrize(("text", "since", "until"), DAYS)
def test_days_are_counted_from_the_end_of_the_data(
    text: str, since: date | None, until: date | None
) -> None:
    found = follow_up_in(text, LAST)

    assert (found.since, found.until) == (since, until)


@pytest.mark.parametrize("text", ["all data", "and for all users?", "everything", "no filter"])
def test_a_restriction_can_be_lifted(text: str) -> None:
    found = follow_up_in(text, LAST)

    assert found.wants_all
    assert not found.narrows


@pytest.mark.parametrize(
    ("text", "is_elliptical"),
    [("and by user?", True), ("what about latency?", True), ("who spends most?", False)],
)
def test_a_question_that_goes_on_is_told_from_a_new_one(text: str, is_elliptical: bool) -> None:
    assert follow_up_in(text, LAST).is_elliptical is is_elliptical


@given(st.text(max_size=450), st.booleans())
def test_any_words_are_read(text: str, has_last: bool) -> None:
    found = follow_up_in(text, LAST if has_last else None)

    assert all(found.only)
