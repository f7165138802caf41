"""A secret is shown by nothing but `reveal()`."""

import copy
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra import logs
from netra.env import Environment, Secret

HIDDEN = "s3cret-Tr0ub4dor"


@dataclass(frozen=True)
class Settings:
    name: str
    key: Secret


SETTINGS = Settings(name="a", key=Secret(HIDDEN))


def local_values() -> str:
    """A traceback as debuggers print it, with each frame's variables."""
    key = SETTINGS.key
    try:
        raise LookupError(key)
    except LookupError as error:
        return "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )


SHOWN: dict[str, Callable[[], str]] = {
    "repr": lambda: repr(SETTINGS.key),
    "str": lambda: str(SETTINGS.key),
    "ascii": lambda: ascii(SETTINGS.key),
    "f-string": lambda: f"{SETTINGS.key} {SETTINGS.key!r} {SETTINGS.key!s:>40} {SETTINGS.key:_<40}",
    "percent": lambda: "%s %r" % (SETTINGS.key, SETTINGS.key),  # noqa: UP031  the old way shows too
    "format": lambda: "{0} {0!r}".format(SETTINGS.key),  # noqa: UP032
    "container": lambda: repr([{"key": SETTINGS.key}]),
    "dataclass": lambda: repr(SETTINGS),
    "pprint": lambda: pprint.pformat(asdict(SETTINGS)),
    "json": lambda: json.dumps(asdict(SETTINGS), default=repr),
    "traceback": local_values,
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_way_of_showing_it_shows_it(way: str) -> None:
    shown = SHOWN[way]()

    assert HIDDEN not in shown
    assert "***" in shown


@pytest.mark.parametrize("environment", Environment)
def test_no_log_line_shows_it(environment: Environment) -> None:
    record = logging.LogRecord(
        "x", logging.INFO, __file__, 1, "%s %r", (SETTINGS, SETTINGS.key), None
    )
    record.key = SETTINGS.key
    record.nested = {"deep": [SETTINGS]}

    assert HIDDEN not in logs.formatter(environment).format(record)


def test_reveal_gives_it() -> None:
    assert SETTINGS.key.reveal() == HIDDEN


def test_it_is_not_pickled() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(SETTINGS, protocol)


def test_it_is_copied_as_itself() -> None:
    assert copy.copy(SETTINGS.key) is SETTINGS.key
    assert copy.deepcopy(SETTINGS).key is SETTINGS.key


def test_it_has_no_attributes_to_be_listed() -> None:
    assert not hasattr(SETTINGS.key, "__dict__")
    with pytest.raises(TypeError):
        json.dumps(SETTINGS.key)


@given(first=st.text(), second=st.text())
def test_it_is_compared_by_value_and_only_to_its_like(first: str, second: str) -> None:
    assert (Secret(first) == Secret(second)) is (first == second)
    assert len({Secret(first), Secret(first)}) == 1
    assert Secret(first) != first
    assert bool(Secret(first)) is bool(first)
