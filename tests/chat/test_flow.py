"""Flow control by confirmation: what is counted, when a client is written no more."""

from hypothesis import given
from hypothesis import strategies as st

from chat.connection.flow import (
    SILENT_BYTES_MAX,
    UNCONFIRMED_BYTES_MAX,
    UNCONFIRMED_S_MAX,
    Flow,
)


def written(*sizes: int, at: float = 0.0, confirms: bool = True) -> Flow:
    flow = Flow()
    if confirms:
        flow.confirm(0)
    for size in sizes:
        flow.wrote(size, at)
    return flow


def test_a_client_that_confirms_is_written_up_to_the_limit_and_no_more() -> None:
    flow = written(UNCONFIRMED_BYTES_MAX)
    assert flow.may_write(0)
    flow.wrote(1, 0)
    assert not flow.may_write(0)


def test_after_a_pause_half_must_be_confirmed() -> None:
    flow = written(UNCONFIRMED_BYTES_MAX)
    flow.confirm(1)
    assert not flow.may_write(0, after_pause=True)
    flow.confirm(UNCONFIRMED_BYTES_MAX // 2)
    assert flow.may_write(0, after_pause=True)


def test_a_frame_that_stays_unconfirmed_too_long_ends_the_writing() -> None:
    flow = written(100)
    assert flow.may_write(UNCONFIRMED_S_MAX)
    assert not flow.may_write(UNCONFIRMED_S_MAX + 0.1)
    flow.confirm(100)
    assert flow.may_write(UNCONFIRMED_S_MAX + 0.1)


def test_the_age_is_that_of_the_oldest_unconfirmed_frame() -> None:
    flow = written()
    for second in range(9):
        flow.wrote(10, second)
    flow.confirm(50)
    assert flow.may_write(15)
    assert not flow.may_write(15.1)


def test_a_client_that_never_confirms_gets_eight_mebibytes_however_old() -> None:
    flow = written(SILENT_BYTES_MAX, confirms=False)
    assert flow.may_write(3600)
    flow.wrote(1, 3600)
    assert flow.is_exhausted
    assert not flow.may_write(3600)


def test_a_count_that_goes_back_or_ahead_moves_nothing() -> None:
    flow = written(100)
    flow.confirm(60)
    flow.confirm(10)
    flow.confirm(101)
    assert flow.unconfirmed == 40


@given(
    steps=st.lists(
        # No frame is empty.
        st.tuples(st.integers(1, 200_000), st.floats(0, 5), st.none() | st.integers(0, 5_000_000)),
        max_size=100,
    )
)
def test_the_age_never_flatters_by_more_than_the_distance_of_marks(
    steps: list[tuple[int, float, int | None]],
) -> None:
    """Against a record of every frame: closed when it must be, and not a second too early."""
    flow, now, total, confirmed = Flow(), 0.0, 0, 0
    frames: list[tuple[int, float]] = []
    flow.confirm(0)
    for size, wait, seen in steps:
        now += wait
        flow.wrote(size, now)
        total += size
        frames.append((total, now))
        if seen is not None and confirmed <= seen <= total:
            confirmed = seen
        if seen is not None:
            flow.confirm(seen)
        pending = [at for end, at in frames if end > confirmed]
        assert flow.unconfirmed == total - confirmed
        if total - confirmed > UNCONFIRMED_BYTES_MAX or (
            pending and now - pending[0] > UNCONFIRMED_S_MAX
        ):
            assert not flow.may_write(now)
        elif not pending or now - pending[0] <= UNCONFIRMED_S_MAX - 1:
            assert flow.may_write(now)
