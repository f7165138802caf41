"""A connection's own clock beats within its spread, and not in step with the others."""

import asyncio
import time
from functools import partial
from itertools import pairwise

import pytest

from chat.connection import heartbeat
from chat.connection.heartbeat import Heartbeat


@pytest.mark.asyncio
async def test_connections_that_opened_together_do_not_beat_together() -> None:
    assert (heartbeat.HEARTBEAT_S, heartbeat.SPREAD) == (25, 0.2)
    loop = asyncio.get_running_loop()
    clocks = [Heartbeat(lambda: None) for _ in range(100)]
    began = loop.time()
    for clock in clocks:
        clock.start()
    took = loop.time() - began
    # When they are due, since a busy machine is late.
    waits = [clock._timer.when() - began for clock in clocks if clock._timer is not None]
    for clock in clocks:
        clock.stop()
    assert len(waits) == len(clocks)
    assert 20 <= min(waits) < 22
    assert 28 < max(waits) < 30 + took
    assert len({round(wait, 1) for wait in waits}) > 10


@pytest.mark.asyncio
async def test_a_connection_beats_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.05)
    times = [time.monotonic()]
    clock = Heartbeat(partial(_note, times))
    clock.start()
    async with asyncio.timeout(10):
        while len(times) < 5:
            await asyncio.sleep(0.01)
    clock.stop()
    beaten = len(times)
    await asyncio.sleep(0.2)
    assert len(times) == beaten
    # A loop that is busy is late, and never early.
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.039


def _note(times: list[float]) -> None:
    times.append(time.monotonic())
