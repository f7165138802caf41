"""A connection's own clock: it beats on, spread so that sockets opened together do not."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

HEARTBEAT_S: Final = 25
# Either way, as a share.
SPREAD: Final = 0.2


class Heartbeat:
    """Calls `beat` every HEARTBEAT_S ± 20 % from `start` to `stop`."""

    __slots__ = ("_beat", "_timer")

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        delay = HEARTBEAT_S * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311  not for security
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_time)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _on_time(self) -> None:
        self._beat()
        self.start()
