"""What a password must be, and how long failed ones keep the door shut."""

from collections.abc import Container, Iterator
from datetime import timedelta
from enum import StrEnum

LENGTH_MIN = 8
LENGTH_MAX = 128
RULE = (
    f"{LENGTH_MIN} to {LENGTH_MAX} characters, with an upper case letter, a lower case letter, "
    "a digit and a special character. Nothing that is in common use."
)

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


WORDS = {
    Problem.TOO_SHORT: f"Use at least {LENGTH_MIN} characters.",
    Problem.TOO_LONG: f"Use at most {LENGTH_MAX} characters.",
    Problem.NO_UPPER: "Add an upper case letter.",
    Problem.NO_LOWER: "Add a lower case letter.",
    Problem.NO_DIGIT: "Add a digit.",
    Problem.NO_SPECIAL: "Add a special character, such as ! or -.",
    Problem.COMMON: "This password is in common use; choose another.",
}


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
