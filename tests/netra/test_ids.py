"""Public ids: one type a kind, checked where one is made."""

import copy
import json
import pickle
import re
import subprocess
import sys
from itertools import pairwise, permutations
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from hypothesis import assume, given
from hypothesis import strategies as st

from netra.ids import (
    ConnectionID,
    FileID,
    FolderID,
    MessageID,
    ModelID,
    PromptID,
    PublicID,
    RequestID,
    RunID,
    ShareID,
    ThreadID,
    UserID,
)

KINDS: dict[str, type[PublicID]] = {
    "user": UserID,
    "conn": ConnectionID,
    "thread": ThreadID,
    "msg": MessageID,
    "run": RunID,
    "req": RequestID,
    "file": FileID,
    "model": ModelID,
    "folder": FolderID,
    "share": ShareID,
    "prompt": PromptID,
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
FORM = re.compile(
    r"(user|conn|thread|msg|run|req|file|model|folder|share|prompt)_[1-9][0-9]*_[0-9a-z]{6,32}"
)
SUFFIXES = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=6, max_size=32)
GENERATIONS = st.integers(min_value=1)
MOMENTS_MS = st.integers(min_value=0, max_value=4_000_000_000_000)  # until 2096


@given(kind=st.sampled_from(sorted(KINDS)), generation=GENERATIONS, suffix=SUFFIXES)
def test_every_text_of_the_form_is_kept_as_it_is(kind: str, generation: int, suffix: str) -> None:
    text = f"{kind}_{generation}_{suffix}"

    made = KINDS[kind](text)

    assert made == text
    assert type(made) is KINDS[kind]
    assert KINDS[kind](made) == made


@given(kinds=st.sampled_from(list(permutations(KINDS, 2))), generation=GENERATIONS, suffix=SUFFIXES)
def test_every_other_kind_is_refused(kinds: tuple[str, str], generation: int, suffix: str) -> None:
    wanted, other = kinds

    with pytest.raises(ValueError, match=f"not a {KINDS[wanted].__name__}"):
        KINDS[wanted](f"{other}_{generation}_{suffix}")


@given(text=st.text() | st.from_regex(r"\A(user|conn)_[0-9a-z_]{0,40}\Z"))
def test_any_other_text_is_refused(text: str) -> None:
    assume(FORM.fullmatch(text) is None)

    for kind in (UserID, ConnectionID):
        with pytest.raises(ValueError, match="not a "):
            kind(text)


def test_a_refusal_does_not_repeat_what_was_given() -> None:
    with pytest.raises(ValueError, match="not a UserID") as refusal:
        UserID("a text of a stranger")

    assert "stranger" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "", "pending_auth", "test-user", "fake_admin", "user", "user_1", "user_1_", "user__abc123",
        "user_0_abc123", "user_01_abc123", "user_-1_abc123", "user_1.0_abc123", "user_x_abc123",
        "user_1_abc12", f"user_1_{'a' * 33}", "user_1_abc_123", "user_1_abc-123",
        "USER_1_abc123", "User_1_abc123", "user_1_ABC123", "user_1_abc12ß", "user_١_abc123",
        " user_1_abc123", "user_1_abc123 ", "user_1_abc123\n", "\tuser_1_abc123",
        "user_1_abc\x00123",
        "user_1_abc123user_1_abc123", "users_1_abc123", "user_1_abc123/..", "usеr_1_abc123",
    ],
)  # fmt: skip
def test_near_misses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a UserID"):
        UserID(text)


@pytest.mark.parametrize("value", [None, 1, b"user_1_abc123", ["user_1_abc123"], object()])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a UserID"):
        UserID(value)  # type: ignore[arg-type]  # the mistake under test


def test_the_example_of_the_specification_is_valid() -> None:
    assert UserID("user_1_abc123") == "user_1_abc123"


def test_no_id_is_without_a_kind() -> None:
    with pytest.raises(ValueError, match="not a PublicID"):
        PublicID("user_1_abc123")


@EVERY_KIND
def test_new_ids_have_the_form_and_are_distinct(kind: str) -> None:
    made = {KINDS[kind].new() for _ in range(5_000)}

    assert len(made) == 5_000
    assert all(FORM.fullmatch(new) and new.startswith(f"{kind}_1_") for new in made)
    assert {type(new) for new in made} == {KINDS[kind]}


@given(moments=st.lists(MOMENTS_MS, unique=True, min_size=2, max_size=20))
def test_ids_made_later_sort_later(moments: list[int]) -> None:
    made = []
    for moment in sorted(moments):
        with time_machine.travel(moment / 1000, tick=False):
            made.append(UserID.new())

    assert all(earlier < later for earlier, later in pairwise(made))


def test_ids_of_one_instant_share_no_guessable_part() -> None:
    with time_machine.travel(1_800_000_000, tick=False):
        made = [UserID.new() for _ in range(200)]

    # Beside the time, each of the 16 places varies.
    assert {new[:16] for new in made} == {made[0][:16]}
    assert all(len({new[16 + place] for new in made}) > 10 for place in range(16))


def test_an_id_is_a_string_that_shows_its_type() -> None:
    user_id = UserID("user_1_abc123")

    assert repr(user_id) == "UserID('user_1_abc123')"
    assert f"{user_id}" == str(user_id) == "user_1_abc123"
    assert json.dumps({user_id: user_id}) == '{"user_1_abc123": "user_1_abc123"}'
    assert hash(user_id) == hash("user_1_abc123")


@EVERY_KIND
def test_copies_keep_their_type(kind: str) -> None:
    new = KINDS[kind].new()

    for made in (copy.copy(new), copy.deepcopy(new), pickle.loads(pickle.dumps(new))):
        assert (type(made), made) == (type(new), new)


WRONG = """
from netra.ids import ThreadID, UserID
def greet(user_id: UserID) -> None: ...
greet(UserID.new())
greet(ThreadID.new())
greet("user_1_abc123")
swapped: UserID = ThreadID("thread_1_abc123")
"""


def test_a_thread_id_where_a_user_id_belongs_is_a_type_error(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"),
        *(f"--cache-dir={tmp_path / 'cache'}", str(tmp_path / "wrong.py")),
    ]

    answer = subprocess.run(
        command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120
    )

    errors = [line for line in answer.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[1] for line in errors] == ["5", "6", "7"], answer.stdout
    assert all("[arg-type]" in line or "[assignment]" in line for line in errors)
