"""What waits for one socket: its order, its bounds, and a client that is gone."""

import pytest

from chat.connection.message_queue import MessagePriority
from chat.connection.outbound import CHARS_MAX, FRAMES_MAX, Outbound
from netra.ids import ConnectionID

pytestmark = pytest.mark.asyncio


class Wire:
    """The socket's far end: keeps what is written, or is gone."""

    def __init__(self, *, gone: OSError | RuntimeError | None = None) -> None:
        self.gone = gone
        self.tried: list[str] = []
        self.stuck = False
        self.pauses = 0

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
        )


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


async def test_a_socket_too_far_behind_takes_no_more_until_it_has_written() -> None:
    outbound = Wire().outbound()
    for _ in range(FRAMES_MAX):
        assert outbound.put("x")
    assert not outbound.put("x")
    await outbound.drained()
    assert outbound.put("x" * (CHARS_MAX + 1))
    assert not outbound.put("x")
    assert outbound.put("error", MessagePriority.CRITICAL)
    await outbound.close()


async def test_a_socket_that_takes_not_even_errors_is_stuck() -> None:
    wire = Wire()
    outbound = wire.outbound()
    while outbound.put("error", MessagePriority.CRITICAL):
        assert not wire.stuck
    assert wire.stuck
    await outbound.close()
