"""What a password must be, and how long failed ones keep the door shut."""

from collections.abc import Container, Iterator
from datetime import timedelta
from enum import StrEnum

from netra.words import gettext, gettext_noop

LENGTH_MIN = 8
LENGTH_MAX = 128
_LENGTHS = {"least": LENGTH_MIN, "most": LENGTH_MAX}

# Satisfy every other rule, and head the lists of leaked passwords for that reason.
_COMMON_IN_SPITE_OF_RULES = """
    aa123456! aa123456@ abc123!@# abc@1234 abcd@1234 abcd1234! admin123! admin@123 admin@1234
    changeme1! changeme123! hello123! iloveyou1! letmein1! letmein123! monkey123! p@$$w0rd1
    p@ssw0rd! p@ssw0rd1 p@ssw0rd1! p@ssw0rd12 p@ssw0rd123 p@ssw0rd123! p@ssword1 p@ssword123
    pass@123 pass@1234 passw0rd! passw0rd1! password!1 password1! password12! password123!
    password1234! password@1 password@12 password@123 qwerty1! qwerty12! qwerty123! qwerty@123
    root@123 test@123 test@1234 welcome1! welcome123! welcome@1 welcome@123
"""
COMMON_IN_SPITE_OF_RULES = frozenset(_COMMON_IN_SPITE_OF_RULES.split())


class Problem(StrEnum):
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_UPPER = "no_upper"
    NO_LOWER = "no_lower"
    NO_DIGIT = "no_digit"
    NO_SPECIAL = "no_special"
    COMMON = "common"


_WORDS = {
    Problem.TOO_SHORT: gettext_noop("Use at least %(least)s characters."),
    Problem.TOO_LONG: gettext_noop("Use at most %(most)s characters."),
    Problem.NO_UPPER: gettext_noop("Add an upper case letter."),
    Problem.NO_LOWER: gettext_noop("Add a lower case letter."),
    Problem.NO_DIGIT: gettext_noop("Add a digit."),
    Problem.NO_SPECIAL: gettext_noop("Add a special character, such as ! or -."),
    Problem.COMMON: gettext_noop("This password is in common use; choose another."),
}


def rule_words() -> str:
    """What a password must be, before anybody has typed one."""
    words = gettext(
        "%(least)s to %(most)s characters, with an upper case letter, a lower case letter, "
        "a digit and a special character. Nothing that is in common use."
    )
    return words % _LENGTHS


def problem_words(problem: Problem) -> str:
    """What to do about a problem."""
    return gettext(_WORDS[problem]) % _LENGTHS


def problems(password: str, *, common: Container[str] = frozenset()) -> tuple[Problem, ...]:
    """What is wrong with a password; `common` holds refused ones in lower case."""
    return tuple(_problems(password, common))


def _problems(password: str, common: Container[str]) -> Iterator[Problem]:
    if len(password) < LENGTH_MIN:
        yield Problem.TOO_SHORT
    if len(password) > LENGTH_MAX:
        yield Problem.TOO_LONG
    if not any(character.isupper() for character in password):
        yield Problem.NO_UPPER
    if not any(character.islower() for character in password):
        yield Problem.NO_LOWER
    if not any(character.isdigit() for character in password):
        yield Problem.NO_DIGIT
    if all(character.isalnum() or character.isspace() for character in password):
        yield Problem.NO_SPECIAL
    plain = password.strip().lower()
    if plain in COMMON_IN_SPITE_OF_RULES or plain in common:
        yield Problem.COMMON


# Minutes that the n-th failure in a row closes an address for; the last row holds for all above.
LOCKOUT_MINUTES = {5: 15, 6: 30, 7: 60, 8: 120}


def lockout(failures: int) -> timedelta | None:
    """How long an address is closed after its n-th failure in a row; None while it stays open."""
    minutes = LOCKOUT_MINUTES.get(min(failures, max(LOCKOUT_MINUTES)))
    return None if minutes is None else timedelta(minutes=minutes)
