"""What a check is: a sentence of the protocol and how it is tried."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from conformance.subject import Subject

Try = Callable[[Subject], Awaitable[None]]
TRIES_MAX: Final = 3


class Failed(Exception):
    """The server does not keep to the sentence; says what was seen."""


class Skipped(Exception):
    """The sentence could not be tried here; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`sentence` stands in docs/protocol.md, word for word."""

    name: str
    sentence: str
    attempt: Try

    def is_of(self, module: str) -> bool:
        return self.attempt.__module__ == module


CHECKS: Final[list[Check]] = []


def check(sentence: str) -> Callable[[Try], Try]:
    """Make a check of a function, whose name becomes the check's."""

    def register(attempt: Try) -> Try:
        name = f"{attempt.__module__.rpartition('.')[2]}.{attempt.__name__}"
        CHECKS.append(Check(name=name, sentence=sentence, attempt=attempt))
        return attempt

    return register


async def in_time(attempt: Callable[[], Awaitable[bool]]) -> None:
    """Try what must happen before an answer is complete; one answer may be too quick for it."""
    for _number in range(TRIES_MAX):
        if await attempt():
            return
    raise Failed(f"{TRIES_MAX} answers were complete before that; give a --slow-question")


def expect(holds: object, seen: object) -> None:
    """Fail with what was seen, unless it holds."""
    if not holds:
        raise Failed(str(seen))


def expect_equal(seen: object, wanted: object) -> None:
    if seen != wanted:
        raise Failed(f"saw {seen!r}, wanted {wanted!r}")
