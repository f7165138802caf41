"""What waits for one socket: its order, its bounds, and a client that is gone."""

import asyncio
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.connection.message_queue import MessagePriority
from chat.connection.outbound import FRAMES_MAX, HELD_BYTES_MAX, Outbound
from netra.ids import ConnectionID


class Wire:
    """The socket's far end: keeps what is written, or is gone."""

    def __init__(self, *, gone: OSError | RuntimeError | None = None) -> None:
        self.gone = gone
        self.tried: list[str] = []
        self.stuck = False
        self.pauses = 0

    def write_now(self, _frame: str) -> bool:
        return False

    async def write(self, frame: str) -> None:
        self.tried.append(frame)
        if self.gone is not None:
            raise self.gone

    def on_stuck(self) -> None:
        self.stuck = True

    def on_pause(self) -> None:
        self.pauses += 1

    def outbound(self) -> Outbound:
        return Outbound(
            ConnectionID.new(),
            write=self.write,
            on_stuck=self.on_stuck,
            on_pause=self.on_pause,
            write_now=self.write_now,
        )


@pytest.mark.asyncio
async def test_frames_are_written_in_order_and_errors_first() -> None:
    wire = Wire()
    outbound = wire.outbound()
    for frame in ("one", "two"):
        assert outbound.put(frame)
    assert outbound.put("error", MessagePriority.CRITICAL)
    await outbound.drained()
    assert wire.tried == ["error", "one", "two"]
    assert outbound.chars == 0


@pytest.mark.parametrize("error", [ConnectionResetError(), RuntimeError("after the close")])
@pytest.mark.asyncio
async def test_frames_to_a_client_that_is_gone_are_tried_once_and_not_logged(
    error: OSError | RuntimeError, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(gone=error)
    outbound = wire.outbound()
    for frame in ("one", "two"):
        outbound.put(frame)
    await outbound.drained()
    assert wire.tried == ["one", "two"]
    assert caplog.records == []


@pytest.mark.asyncio
async def test_a_socket_too_far_behind_takes_no_more_until_it_has_written() -> None:
    outbound = Wire().outbound()
    for _ in range(FRAMES_MAX):
        assert outbound.put("x")
    assert not outbound.put("x")
    await outbound.drained()
    assert outbound.put("x" * (HELD_BYTES_MAX + 1))
    assert not outbound.put("x")
    assert outbound.put("error", MessagePriority.CRITICAL)
    await outbound.close()


@pytest.mark.parametrize("letter", ["x", "é", "語", "🜂"])
@pytest.mark.asyncio
async def test_what_waits_is_bounded_by_its_memory_whatever_the_language(letter: str) -> None:
    outbound = Wire().outbound()
    held = 0
    # One letter of that kind is enough to make the whole text as wide.
    while outbound.put(frame := letter + "x" * 50_000 + str(held)):
        held += sys.getsizeof(frame)
    assert HELD_BYTES_MAX < held <= HELD_BYTES_MAX + sys.getsizeof(frame)
    await outbound.close()


@pytest.mark.asyncio
async def test_a_socket_that_takes_not_even_errors_is_stuck() -> None:
    wire = Wire()
    outbound = wire.outbound()
    while outbound.put("error", MessagePriority.CRITICAL):
        assert not wire.stuck
    assert wire.stuck
    await outbound.close()


class Gated(Wire):
    """A socket that takes frames at once, one after the other, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    def write_now(self, frame: str) -> bool:
        if self.gate.is_set():
            self.tried.append(frame)
        return self.gate.is_set()

    async def write(self, frame: str) -> None:
        await self.gate.wait()
        await super().write(frame)


@settings(max_examples=50)
@given(
    deeds=st.lists(st.sampled_from(["put", "put", "open", "shut", "turn"]), min_size=5, max_size=40)
)
def test_frames_keep_their_order_whether_written_at_once_or_later(deeds: list[str]) -> None:
    async def do() -> None:
        wire = Gated()
        outbound = wire.outbound()
        said: list[str] = []
        for number, deed in enumerate(deeds):
            if deed == "put":
                said.append(str(number))
                assert outbound.put_thread(said[-1])
            elif deed == "turn":
                await asyncio.sleep(0)
            elif deed == "open":
                wire.gate.set()
            else:
                wire.gate.clear()
        wire.gate.set()
        await outbound.drained()
        assert wire.tried == said
        assert outbound.chars == 0
        await outbound.close()
        assert not outbound.put("after the close")
        assert wire.tried == said

    asyncio.run(do())
