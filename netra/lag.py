"""How late the event loop of this process is: what any socket or run of it must wait at least."""

import asyncio
from typing import Final

from netra.tally import TALLY

LOOKED_EVERY_S: Final = 0.5


async def watch_lag() -> None:
    """Sleep and compare, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOKED_EVERY_S
        await asyncio.sleep(LOOKED_EVERY_S)
        TALLY.loop_lags.add(loop.time() - due)
