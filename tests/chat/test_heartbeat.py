"""A connection's own clock beats within its spread, and not in step with the others."""

import asyncio
import time
from functools import partial
from itertools import pairwise

import pytest

from chat.connection import heartbeat
from chat.connection.heartbeat import Heartbeat


@pytest.mark.asyncio
async def test_connections_that_opened_together_do_not_beat_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (heartbeat.HEARTBEAT_S, heartbeat.SPREAD) == (25, 0.2)
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.1)
    beats = [[time.monotonic()] for _ in range(100)]
    clocks = [Heartbeat(partial(_note, times)) for times in beats]
    for clock in clocks:
        clock.start()
    await asyncio.sleep(0.5)
    for clock in clocks:
        clock.stop()
    gaps = [later - earlier for times in beats for earlier, later in pairwise(times)]
    # A loop that is busy is late, and never early.
    assert 0.079 < min(gaps) < 0.09
    assert max(gaps) > 0.11
    firsts = [times[1] - times[0] for times in beats]
    assert max(firsts) - min(firsts) > 0.03
    assert len({round(first, 3) for first in firsts}) > 10


def _note(times: list[float]) -> None:
    times.append(time.monotonic())
