"""The password policy and the lockout table."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.password import (
    COMMON_IN_SPITE_OF_RULES,
    Problem,
    lockout,
    problem_words,
    problems,
)

CASES = {
    "Correct-Horse-9": (),
    "Aa1!aaaa": (),
    "Aa1!" + "a" * 124: (),
    "Ünïcode-1": (),
    "Aa1!aaa": (Problem.TOO_SHORT,),
    "Aa1!" + "a" * 125: (Problem.TOO_LONG,),
    "correct-horse-9": (Problem.NO_UPPER,),
    "CORRECT-HORSE-9": (Problem.NO_LOWER,),
    "Correct-Horse-X": (Problem.NO_DIGIT,),
    "CorrectHorse99": (Problem.NO_SPECIAL,),
    "Correct Horse 9": (Problem.NO_SPECIAL,),
    "P@ssw0rd1": (Problem.COMMON,),
    " P@ssw0rd1 ": (Problem.COMMON,),
    "": (
        Problem.TOO_SHORT,
        Problem.NO_UPPER,
        Problem.NO_LOWER,
        Problem.NO_DIGIT,
        Problem.NO_SPECIAL,
    ),
}


@pytest.mark.parametrize(("password", "expected"), CASES.items())
def test_each_rule_is_told_by_name(password: str, expected: tuple[Problem, ...]) -> None:
    assert problems(password) == expected


def test_a_password_of_a_given_list_is_common_in_any_case() -> None:
    assert problems("Zebra-Crossing-7", common={"zebra-crossing-7"}) == (Problem.COMMON,)


def test_our_own_list_holds_only_what_the_other_rules_let_pass() -> None:
    found = {word: problems(word[:1].upper() + word[1:]) for word in COMMON_IN_SPITE_OF_RULES}
    odd = {word: p for word, p in found.items() if set(p) - {Problem.COMMON, Problem.NO_UPPER}}
    assert odd == {}


def test_each_problem_has_words() -> None:
    assert len({problem_words(problem) for problem in Problem}) == len(Problem)


@given(st.text(max_size=200))
def test_a_longer_password_has_no_more_character_problems(password: str) -> None:
    length = {Problem.TOO_SHORT, Problem.TOO_LONG, Problem.COMMON}
    assert set(problems(password + "Aa1!")) <= length


def test_the_lockout_schedule() -> None:
    minutes = [lockout(n) and lockout(n) // timedelta(minutes=1) for n in range(12)]  # type: ignore[operator]
    assert minutes == [None] * 5 + [15, 30, 60, 120, 120, 120, 120]
    assert all(a <= b for a, b in pairwise(minutes[5:]))
