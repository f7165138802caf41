"""No decoder fails in another way than it says, whatever it is given; `make fuzz` looks for longer.

What a fuzzer has found lies under `found/`, in a folder named like its target, and is tried first.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

FOUND = Path(__file__).with_name("found")


def found(name: str) -> Iterator[bytes]:
    for path in sorted((FOUND / name).glob("*")):
        yield path.read_bytes()


def spoilt(target: Target) -> st.SearchStrategy[bytes]:
    """A seed with something put in the place of a part of it, or any bytes at all."""
    pieces = st.binary(max_size=8) | st.sampled_from(
        [b"\0", b"\xff", b'"', b"[", b"{", b"null", b"NaN", b"-1", b"9" * 30, b"\\ud800", b"1e999"]
    )
    places = st.integers(0, 200)

    def put(seed: bytes, at: int, length: int, piece: bytes) -> bytes:
        return seed[:at] + piece + seed[at + length :]

    one = st.builds(put, st.sampled_from(target.seeds), places, st.integers(0, 12), pieces)
    return one | st.builds(put, one, places, st.integers(0, 12), pieces) | st.binary(max_size=60)


@pytest.mark.parametrize("name", TARGETS)
def test_it_fails_as_it_says_and_in_no_other_way(name: str) -> None:
    target = TARGETS[name]
    for data in (*target.seeds, *found(name)):
        target.try_with(data)

    @settings(max_examples=20, database=None)
    @given(spoilt(target))
    def holds(data: bytes) -> None:
        target.try_with(data)

    holds()
