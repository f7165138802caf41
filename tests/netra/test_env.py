"""The environment: what each getter takes and refuses, and how a block is isolated."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from hypothesis import assume, given
from hypothesis import strategies as st

from netra import env
from netra.env import EnvError, Environment

T = TypeVar("T")
NAME = "NETRA_TEST_VALUE"
FILE = f"{NAME}_FILE"
# What a variable can hold: neither NUL nor half of a surrogate pair.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)


def read(value: str | None, getter: Callable[[str], T]) -> T:
    with env.override(**{NAME: value, FILE: None}):
        return getter(NAME)


def read_file(path: Path, getter: Callable[[str], T]) -> T:
    with env.override(**{NAME: None, FILE: str(path)}):
        return getter(NAME)


def web(name: str) -> str | None:
    return env.url(name, schemes=("http", "https"))


# Getters


@pytest.mark.parametrize("unset", [None, ""])
def test_unset_and_empty_give_the_default(unset: str | None) -> None:
    assert read(unset, env.raw) is None
    assert read(unset, env.text) is None
    assert read(unset, lambda name: env.text(name, "x")) == "x"
    assert read(unset, lambda name: env.integer(name, 7)) == 7
    assert read(unset, lambda name: env.number(name, 0.5)) == 0.5
    assert read(unset, env.flag) is False
    assert read(unset, env.names) == ()
    assert read(unset, lambda name: env.names(name, ("a",))) == ("a",)
    assert read(unset, web) is None
    assert read(unset, lambda name: env.choice(name, Environment.TEST)) is Environment.TEST
    assert not read(unset, env.secret)
    assert read(unset, lambda name: env.secret(name, "d")).reveal() == "d"


def test_a_required_value_that_is_missing_is_named() -> None:
    with pytest.raises(EnvError, match=NAME) as error:
        read(None, env.required)

    assert (error.value.name, error.value.problem) == (NAME, "is not set")
    assert read("here", env.required) == "here"


@given(value=TEXTS)
def test_text_is_given_as_it_stands(value: str) -> None:
    assert read(value, env.text) == value
    assert read(value, env.secret).reveal() == value


@given(value=st.integers())
def test_whole_numbers_come_back(value: int) -> None:
    assert read(str(value), lambda name: env.integer(name, 0)) == value


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value: float) -> None:
    assert read(repr(value), lambda name: env.number(name, 0.0)) == value


@given(value=st.lists(st.text("abc.-", min_size=1), max_size=6))
def test_names_come_back_whatever_the_space_between(value: list[str]) -> None:
    assert read(" , ".join([*value, ""]), env.names) == tuple(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((text, True) for text in ("1", "true", "True", "YES", "on", " on ")),
        *((text, False) for text in ("0", "false", "No", "OFF", " 0")),
    ],
)
def test_flags(value: str, expected: bool) -> None:
    assert read(value, env.flag) is expected


@pytest.mark.parametrize("value", Environment)
def test_each_environment_is_known(value: Environment) -> None:
    with env.override(NETRA_ENV=value.value):
        assert env.environment() is value


def test_development_is_where_nobody_said_otherwise() -> None:
    with env.override(NETRA_ENV=None):
        assert env.environment() is Environment.DEVELOPMENT


@pytest.mark.parametrize(
    "value",
    ["http://a", "https://a.example:8080/v1?x=1", "HTTP://a", "http://[::1]:8000/", "http://u:p@h"],
)
def test_urls(value: str) -> None:
    assert read(value, web) == value


@pytest.mark.parametrize(
    "value",
    ["postgresql://netra@/netra?host=%2Frun", "postgresql:///netra", "postgresql://?host=/run",
     "postgresql://u:p@a:5432,b:5433/netra"],
)  # fmt: skip
def test_urls_of_several_hosts_or_none(value: str) -> None:
    assert read(value, lambda name: env.url(name, schemes=("postgresql",))) == value


BAD: list[tuple[Callable[[str], object], str]] = [
    *((lambda name: env.integer(name, 0), value) for value in ("x", "1.5", "0x10", "1e3", "--1")),
    *((lambda name: env.integer(name, 5, minimum=1), value) for value in ("0", "-3")),
    *((lambda name: env.integer(name, 5, maximum=9), value) for value in ("10", "99999")),
    (lambda name: env.integer(name, 5), "9" * 5_000),
    *((lambda name: env.number(name, 0.0), value) for value in ("x", "nan", "inf", "-inf", "1,5")),
    (lambda name: env.number(name, 0.0, maximum=1.0), "1.01"),
    *((env.flag, value) for value in ("2", "maybe", "tru", " ")),
    *((web, value) for value in ("ftp://a", "a.example", "http:", "http://", "http:a", "http://[")),
    *((web, value) for value in ("http://a:x", "http://a:0", "http://a:70000")),
    *((web, value) for value in ("http://a b", "http://a\n", " http://a", "javascript://http://")),
    (lambda name: env.choice(name, Environment.TEST), "Production"),
    (lambda name: env.choice(name, Environment.TEST), "prod"),
]


@pytest.mark.parametrize(("getter", "value"), BAD, ids=[repr(value[:20]) for _, value in BAD])
def test_a_bad_value_names_the_variable_and_not_itself(
    getter: Callable[[str], object], value: str
) -> None:
    with pytest.raises(EnvError) as error:
        read(value, getter)

    assert error.value.name == NAME
    assert str(error.value).startswith(f"environment variable {NAME} must be ")
    assert repr(value) not in str(error.value)


def test_a_bad_value_that_may_be_a_password_is_not_repeated() -> None:
    for getter in (
        lambda name: env.integer(name, 0),
        env.flag,
        web,
        lambda _name: env.environment(),
    ):
        with (
            env.override(NETRA_ENV="s3cret"),
            pytest.raises(EnvError, match="must be") as error,
        ):
            read("s3cret", getter)
        assert "s3cret" not in str(error.value)


@given(value=st.text("0123456789.eE+-_ naif", min_size=1))
def test_a_number_is_finite_or_refused(value: str) -> None:
    try:
        number = read(value, lambda name: env.number(name, 0.0))
    except EnvError:
        return
    assert abs(number) < float("inf")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(EnvError, match=f"{NAME} does not hold UTF-8 text"):
        read("caf\udce9", env.text)


# Files


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_value_may_stand_in_a_file(tmp_path: Path, end: str) -> None:
    path = tmp_path / "value"
    path.write_bytes(f" two\nlines {end}".encode())

    assert read_file(path, env.text) == " two\nlines "


def test_each_getter_reads_files(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("42\n")

    assert read_file(path, lambda name: env.integer(name, 0)) == 42
    assert read_file(path, env.names) == ("42",)
    assert read_file(path, env.secret).reveal() == "42"


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    with env.override(**{NAME: "direct", FILE: str(tmp_path / "missing")}):
        assert env.text(NAME) == "direct"


def test_a_bad_value_in_a_file_names_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("four")

    with pytest.raises(EnvError, match=f"{NAME} must be a whole number"):
        read_file(path, lambda name: env.integer(name, 0))


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def binary(path: Path) -> None:
    path.write_bytes(b"s3cret\xff\x00")


def null(path: Path) -> None:
    path.write_bytes(b"s3cret\0")


def empty(path: Path) -> None:
    path.write_text("\n")


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def long(path: Path) -> None:
    path.write_text("s3cret" * 20_000)


@pytest.mark.parametrize("spoil", [missing, folder, binary, null, empty, endless, long])
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "value"
    path.touch()
    spoil(path)

    with pytest.raises(EnvError) as error:
        read_file(path, env.secret)

    assert error.value.name == FILE
    assert "s3cret" not in str(error.value)
    assert error.value.__context__ is None or isinstance(error.value.__context__, OSError)


# Overriding


def test_a_block_is_isolated_and_restored() -> None:
    with env.override(**{NAME: "outer"}):
        with env.override(**{NAME: "inner", FILE: "x"}):
            assert (env.text(NAME), env.everything()[FILE]) == ("inner", "x")
            with env.override(**{NAME: None}):
                assert NAME not in env.everything()
            assert env.text(NAME) == "inner"
        assert env.text(NAME) == "outer"
        assert FILE not in env.everything()
    assert NAME not in env.everything()


def test_a_block_that_fails_is_restored() -> None:
    before = env.everything()

    with pytest.raises(ZeroDivisionError), env.override(**{NAME: "x", "PATH": None}):
        raise ZeroDivisionError

    assert env.everything() == before


def test_a_value_that_cannot_be_set_leaves_nothing_behind() -> None:
    before = env.everything()

    with pytest.raises(ValueError, match="null"), env.override(**{NAME: "x", FILE: "a\0b"}):
        pytest.fail("the block must not run")

    assert env.everything() == before


@given(values=st.dictionaries(st.sampled_from(["NETRA_A", "NETRA_B"]), st.none() | TEXTS))
def test_any_block_restores_what_was_there(values: dict[str, str | None]) -> None:
    with env.override(NETRA_A="a", NETRA_B=None):
        before = env.everything()
        with env.override(**values):
            assert {name: env.everything().get(name) for name in values} == values
        assert env.everything() == before


def test_a_child_process_sees_the_block() -> None:
    command = [sys.executable, "-c", f"from netra import env; print(env.required({NAME!r}))"]

    with env.override(**{NAME: "seen"}):
        answer = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, timeout=30)

    assert answer.stdout.strip() == b"seen"


def test_everything_is_a_copy() -> None:
    env.everything()[NAME] = "x"

    assert env.text(NAME) is None


@given(first=TEXTS, second=TEXTS)
def test_masking_takes_the_longer_of_two_secrets_first(first: str, second: str) -> None:
    assume(len(first) >= env.MASKED_LENGTH_MIN)
    with env.override(NETRA_A=first, NETRA_B=first + second):
        env.secret("NETRA_A"), env.secret("NETRA_B")

    assert env.masked(f"<{first}{second}>") == f"<{env.MASK}>"


def test_the_password_of_a_url_is_masked_as_its_driver_sees_it() -> None:
    read("http://user:cor%20rect-horse@a.example/", web)

    assert env.masked("no way in for cor rect-horse") == f"no way in for {env.MASK}"


@pytest.mark.parametrize(
    "value", ["no json", "[]", '{"a": 1}', '{"a": ""}', '{"": "x"}', '{"a": "\'open"}']
)
def test_commands_that_cannot_be_read_are_refused(value: str) -> None:
    with env.override(**{NAME: value}), pytest.raises(EnvError, match=NAME):
        env.commands(NAME)


def test_commands_are_split_as_a_shell_does() -> None:
    with env.override(**{NAME: """{"files": "file-server --root '/srv/all files'"}"""}):
        assert env.commands(NAME) == {"files": ("file-server", "--root", "/srv/all files")}
    assert env.commands(NAME) == {}
