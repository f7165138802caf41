"""A connection that is quiet still says that it lives."""

import time

from conformance.checks import check, expect
from conformance.subject import Subject


@check("A `pong` comes by itself every `heartbeat_s` ± 20 %.")
async def heartbeat(subject: Subject) -> None:
    async with subject.ready() as socket:
        heartbeat_s = socket.received[0]["heartbeat_s"]
        began = time.monotonic()
        await socket.until("pong", within_s=2 * heartbeat_s)
        waited_s = time.monotonic() - began
        # A second for the way and for a machine that is busy.
        expect(0.8 * heartbeat_s - 1 <= waited_s <= 1.2 * heartbeat_s + 1, f"{waited_s:.1f} s")
