"""What a client has confirmed of what it was written, and when it is written no more (DESIGN §4f).

Confirmations, not the server's socket buffers, say what has arrived: a proxy in between takes
megabytes for a client that reads nothing.
"""

from collections import deque
from typing import Final

UNCONFIRMED_BYTES_MAX: Final = 1024 * 1024
UNCONFIRMED_S_MAX: Final = 10.0
# A client that has never confirmed anything may be one that cannot.
SILENT_BYTES_MAX: Final = 8 * 1024 * 1024
# How exactly the age of a frame is known; clients confirm once a second.
MARK_EVERY_S: Final = 1.0
# More than fit between two confirmations that keep the flow open.
MARKS_MAX: Final = 64


class Flow:
    """Bytes of one connection's text frames, UTF-8, counted since it was opened."""

    __slots__ = ("_confirmed", "_marks", "_written", "confirms")

    def __init__(self) -> None:
        # Whether the client has ever confirmed.
        self.confirms = False
        self._written = 0
        self._confirmed = 0
        # Where the counter stood, and when, about once a second: the first is the oldest frame
        # that is not confirmed.
        self._marks: deque[tuple[int, float]] | None = None

    @property
    def unconfirmed(self) -> int:
        return self._written - self._confirmed

    @property
    def is_exhausted(self) -> bool:
        """Whether a client that never confirms has had all that it may have."""
        return not self.confirms and self._written > SILENT_BYTES_MAX

    def wrote(self, size: int, now: float) -> None:
        # Of a client that does not confirm the age says nothing, and most connections are idle.
        if self.confirms:
            marks = self._marks
            if marks is None:
                marks = self._marks = deque(maxlen=MARKS_MAX)
            if not marks or now - marks[-1][1] >= MARK_EVERY_S:
                marks.append((self._written, now))
        self._written += size

    def confirm(self, total: int) -> None:
        """Take a client's count of what has arrived; one that goes back or ahead moves nothing."""
        self.confirms = True
        if self._confirmed <= total <= self._written:
            self._confirmed = total
        marks = self._marks
        if marks is None:
            return
        while len(marks) > 1 and marks[1][0] <= self._confirmed:
            marks.popleft()
        if self._confirmed == self._written:
            self._marks = None

    def may_write(self, now: float, *, after_pause: bool = False) -> bool:
        """Whether the client keeps up; after a pause it must have caught up by half."""
        if not self.confirms:
            return not self.is_exhausted
        limit = UNCONFIRMED_BYTES_MAX // 2 if after_pause else UNCONFIRMED_BYTES_MAX
        if self.unconfirmed > limit:
            return False
        return not self._marks or now - self._marks[0][1] <= UNCONFIRMED_S_MAX
