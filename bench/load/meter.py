"""What all simulated users did and met, counted and timed."""

import json
import re
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

# The newest; 8 bytes and an object each.
TIMES_KEPT_MAX: Final = 1_000_000
_TS: Final = re.compile(rb'"ts":"([^"]{24})"')


def _times() -> deque[float]:
    return deque(maxlen=TIMES_KEPT_MAX)


@dataclass(slots=True)
class Counts:
    """What can be subtracted; `deliveries` are events at a socket, `pieces` of text likewise."""

    sends: int = 0
    acks: int = 0
    answers: int = 0
    deliveries: int = 0
    pieces: int = 0
    frames: int = 0
    bytes: int = 0

    def since(self, before: "Counts") -> "Counts":
        names = self.__slots__
        return Counts(*(getattr(self, name) - getattr(before, name) for name in names))

    def copy(self) -> "Counts":
        return self.since(Counts())


@dataclass(slots=True)
class Meter:
    """Milliseconds from a send on, and from an event's own time to each socket that has it."""

    counts: Counts = field(default_factory=Counts)
    to_ready_ms: deque[float] = field(default_factory=_times)
    to_ack_ms: deque[float] = field(default_factory=_times)
    to_first_event_ms: deque[float] = field(default_factory=_times)
    to_first_token_ms: deque[float] = field(default_factory=_times)
    delivery_ms: deque[float] = field(default_factory=_times)
    # By code and whether it is to be tried again.
    errors: Counter[tuple[str, bool]] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Forget the times so far, which were of the warming up."""
        for times in (
            self.to_ack_ms,
            self.to_first_event_ms,
            self.to_first_token_ms,
            self.delivery_ms,
        ):
            times.clear()
        self.ends.clear()

    def take(self, kind: bytes, raw: bytes) -> None:
        """Count a frame of the server."""
        counts = self.counts
        counts.frames += 1
        counts.bytes += len(raw)
        if kind == b"delta":
            counts.pieces += 1
        elif kind == b"events":
            self._take_events(raw)
        elif kind == b"error":
            problem = json.loads(raw)
            self.errors[problem["code"], problem["retryable"]] += 1

    def _take_events(self, raw: bytes) -> None:
        now = time.time()
        for ts in _TS.findall(raw):
            self.counts.deliveries += 1
            stored_at = datetime.fromisoformat(ts.decode()).timestamp()
            self.delivery_ms.append(1000 * (now - stored_at))
