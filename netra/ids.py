"""Public identifiers: one type a kind, checked wherever one is made (SPEC §3)."""

import re
import secrets
import time
from typing import ClassVar, Self

GENERATION = 1
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Nine base-36 digits of milliseconds last until the year 5188.
_TIME_DIGITS = 9
# Sixteen base-36 digits are 82 bits: not to be guessed.
_RANDOM_DIGITS = 16
_FORM = re.compile(r"([a-z]+)_([1-9][0-9]*)_([0-9a-z]{6,32})", re.ASCII)


class PublicID(str):
    """A string of the form `<kind>_<n>_<suffix>`; a wrong one raises ValueError."""

    __slots__ = ()
    kind: ClassVar[str] = ""

    def __new__(cls, text: str) -> Self:
        if type(text) is cls:
            # Known to be right: a copy would only take room, in each connection some.
            return text
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        if match is None or match[1] != cls.kind:
            raise ValueError(f"not a {cls.__name__}: expected {cls.kind}_<n>_<6 to 32 of 0-9a-z>")
        return super().__new__(cls, text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str.__repr__(self)})"

    @classmethod
    def new(cls) -> Self:
        """A fresh id whose suffix sorts by its time of making."""
        suffix = _base36(time.time_ns() // 1_000_000, _TIME_DIGITS)
        suffix += _base36(secrets.randbelow(36**_RANDOM_DIGITS), _RANDOM_DIGITS)
        return cls(f"{cls.kind}_{GENERATION}_{suffix}")


class UserID(PublicID):
    __slots__ = ()
    kind = "user"


class ConnectionID(PublicID):
    __slots__ = ()
    kind = "conn"


class ThreadID(PublicID):
    __slots__ = ()
    kind = "thread"


class MessageID(PublicID):
    __slots__ = ()
    kind = "msg"


class RunID(PublicID):
    __slots__ = ()
    kind = "run"


class RequestID(PublicID):
    __slots__ = ()
    kind = "req"


class FileID(PublicID):
    __slots__ = ()
    kind = "file"


class ModelID(PublicID):
    __slots__ = ()
    kind = "model"


class FolderID(PublicID):
    __slots__ = ()
    kind = "folder"


class ShareID(PublicID):
    __slots__ = ()
    kind = "share"


class PromptID(PublicID):
    __slots__ = ()
    kind = "prompt"


def _base36(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
