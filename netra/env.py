"""The only reader of the process environment: typed getters, masked secrets (SPEC §4)."""

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Self, TypeVar, overload
from urllib.parse import parse_qsl, unquote, urlsplit

Number = TypeVar("Number", int, float)
Member = TypeVar("Member", bound=StrEnum)


# Secrets are short; what is longer is a wrong file, or one without an end.
FILE_BYTES_MAX: Final = 64 * 1024
# Shorter texts occur in any line by chance.
MASKED_LENGTH_MIN: Final = 8
MASK: Final = "***"


class EnvError(Exception):
    """A variable is missing or has a value that cannot be used; `name` says which."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"environment variable {name} {problem}")
        self.name = name
        self.problem = problem


class Environment(StrEnum):
    DEVELOPMENT = "development"
    TEST = "test"
    STAGING = "staging"
    PRODUCTION = "production"


class Secret:
    """A value that no repr, log line or traceback shows; `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: the copy would hold it in clear")


def raw(name: str) -> str | None:
    """The text of `name`, else of the file that `name_FILE` points to; None when unset or empty."""
    value = os.environ.get(name)
    if value:
        return _text(name, os.fsencode(value))
    path = os.environ.get(f"{name}_FILE")
    return _file_text(f"{name}_FILE", Path(path)) if path else None


def _file_text(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise EnvError(name, f"names a file that cannot be read: {error.strerror}") from None
    if len(content) > FILE_BYTES_MAX:
        raise EnvError(name, f"names a file of more than {FILE_BYTES_MAX} bytes")
    value = _text(name, content).rstrip("\r\n")
    if not value:
        raise EnvError(name, "names an empty file")
    return value


def _text(name: str, content: bytes) -> str:
    value = content.decode("utf-8", errors="replace")
    # Compared instead of caught: the decoder's error would carry the bytes of a secret along.
    if value.encode("utf-8") != content or "\0" in value:
        raise EnvError(name, "does not hold UTF-8 text")
    return value


@overload
def text(name: str, default: str) -> str: ...
@overload
def text(name: str, default: None = None) -> str | None: ...
def text(name: str, default: str | None = None) -> str | None:
    value = raw(name)
    return default if value is None else value


def required(name: str) -> str:
    value = raw(name)
    if value is None:
        raise EnvError(name, "is not set")
    return value


_read_secrets: dict[str, str] = {}


def secret(name: str, default: str = "") -> Secret:
    value = text(name, default)
    _read_secrets[name] = value
    return Secret(value)


def masked(line: str) -> str:
    """`line` without the secrets that were read from the environment, wherever they stand."""
    # The longest first: another may be a part of it.
    for value in sorted(_read_secrets.values(), key=len, reverse=True):
        if len(value) >= MASKED_LENGTH_MIN:
            line = line.replace(value, MASK)
    return line


def integer(
    name: str, default: int, *, minimum: int | None = None, maximum: int | None = None
) -> int:
    return _number(name, default, int, "a whole number", minimum=minimum, maximum=maximum)


def number(
    name: str, default: float, *, minimum: float | None = None, maximum: float | None = None
) -> float:
    value = _number(name, default, float, "a number", minimum=minimum, maximum=maximum)
    if value != value or value in (float("inf"), float("-inf")):
        raise EnvError(name, "must be a finite number")
    return value


def _number(
    name: str,
    default: Number,
    convert: Callable[[str], Number],
    noun: str,
    *,
    minimum: Number | None,
    maximum: Number | None,
) -> Number:
    value = raw(name)
    if value is None:
        return default
    try:
        result = convert(value)
    except ValueError:
        raise EnvError(name, f"must be {noun}") from None
    if minimum is not None and result < minimum:
        raise EnvError(name, f"must be at least {minimum}")
    if maximum is not None and result > maximum:
        raise EnvError(name, f"must be at most {maximum}")
    return result


_FLAGS = {
    "1": True, "true": True, "yes": True, "on": True,
    "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip


def flag(name: str, *, default: bool = False) -> bool:
    value = raw(name)
    if value is None:
        return default
    try:
        return _FLAGS[value.strip().lower()]
    except KeyError:
        raise EnvError(name, "must be one of 1, true, yes, on, 0, false, no, off") from None


def names(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A list separated by commas; surrounding space and empty parts do not count."""
    value = raw(name)
    if value is None:
        return default
    return tuple(part.strip() for part in value.split(",") if part.strip())


def commands(name: str) -> dict[str, tuple[str, ...]]:
    """Programs by name, of a JSON object such as `{"files": "file-server /srv/files"}`."""
    value = raw(name)
    if value is None:
        return {}
    try:
        found = json.loads(value)
        lines = {str(key): tuple(shlex.split(line)) for key, line in found.items()}
    except (ValueError, AttributeError):
        raise EnvError(name, "must be a JSON object of command lines by name") from None
    if not all(key and line for key, line in lines.items()):
        raise EnvError(name, "must name each program and its command line")
    return lines


@overload
def url(name: str, default: str, *, schemes: tuple[str, ...]) -> str: ...
@overload
def url(name: str, default: None = None, *, schemes: tuple[str, ...]) -> str | None: ...
def url(name: str, default: str | None = None, *, schemes: tuple[str, ...]) -> str | None:
    value = raw(name)
    if value is None:
        return default
    _check_url(name, value, schemes)
    # Logs show a URL without its password, and drivers may show the password without the URL.
    _read_secrets[name] = unquote(urlsplit(value).password or "")
    return value


def urls(name: str, default: str, *, schemes: tuple[str, ...]) -> tuple[str, ...]:
    """Several of them, separated by commas: one that stands before a scheme."""
    value = raw(name) or default
    found = tuple(part.strip() for part in re.split(r",(?=\s*[a-z+]+://)", value))
    for number, one in enumerate(found):
        _check_url(name, one, schemes)
        parts = urlsplit(one)
        _read_secrets[f"{name} {number}"] = unquote(parts.password or "")
        for option, secret_ in parse_qsl(parts.query):
            if "password" in option:
                _read_secrets[f"{name} {number} {option}"] = secret_
    return found


def _check_url(name: str, value: str, schemes: tuple[str, ...]) -> None:
    if not _is_url(value, schemes):
        starts = " or ".join(f"{scheme}://" for scheme in schemes)
        raise EnvError(name, f"must be a URL starting with {starts}")


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        # PostgreSQL's may name several hosts, each with its port.
        port = None if "," in parts.netloc else parts.port
    except ValueError:
        return False
    printable = value.isprintable() and " " not in value  # urlsplit would drop a line's end
    named = value.lower().startswith(f"{parts.scheme}://") and port != 0
    return (
        printable
        and named
        and parts.scheme in schemes
        and bool(parts.netloc or parts.path or parts.query)
    )


def choice(name: str, default: Member) -> Member:
    value = raw(name)
    if value is None:
        return default
    try:
        return type(default)(value)
    except ValueError:
        allowed = ", ".join(type(default))
        raise EnvError(name, f"must be one of {allowed}") from None


def environment() -> Environment:
    return choice("NETRA_ENV", Environment.DEVELOPMENT)


def everything() -> dict[str, str]:
    """A copy of the whole environment, to be handed to a child process."""
    return dict(os.environ)


@contextmanager
def override(**values: str | None) -> Iterator[None]:
    """Set (or, with None, unset) variables for a block, then restore what was there."""
    before = {name: os.environ.get(name) for name in values}
    try:
        _assign(values)
        yield
    finally:
        _assign(before)


def _assign(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
