"""How fast a client may send frames, whatever they are."""

from typing import Final

# Far above any honest client, whose queue fills long before: only what is answered at once and
# costs nothing else, pings and malformed frames, can come this fast.
FRAMES_A_SECOND: Final = 200
BURST_FRAMES: Final = 20_000


class Throttle:
    """A token bucket over the frames of one connection; `now` in seconds of any steady clock."""

    __slots__ = ("_at", "_left")

    def __init__(self, now: float) -> None:
        self._left = float(BURST_FRAMES)
        self._at = now

    def allows_one(self, now: float) -> bool:
        """Take one frame in; False when there have been too many for too long."""
        self._left = min(BURST_FRAMES, self._left + FRAMES_A_SECOND * (now - self._at)) - 1
        self._at = now
        return self._left >= 0
