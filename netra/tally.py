"""What this process has counted since it began: plain numbers, read when somebody looks.

Whoever counts knows nothing of who reads. Nothing here is worth a lock on the way of a delivery:
the plain counts belong to the event loop, the others may be added to from any thread.
"""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

# Labels are codes and names of limits; whatever else there may be shares one.
LABELS_MAX: Final = 100
OTHER: Final = "other"


class Labelled:
    """How often something happened, by a label."""

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, label: str, count: int = 1) -> None:
        with self._lock:
            if label not in self._counts and len(self._counts) >= LABELS_MAX:
                label = OTHER
            self._counts[label] = self._counts.get(label, 0) + count

    def read(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)


class Spans:
    """How long something took: how many spans reached each bound, and all their seconds."""

    __slots__ = ("_bounds", "_counts", "_lock", "_total_s")

    def __init__(self, *bounds_s: float) -> None:
        self._bounds = bounds_s
        # The last is for what is longer than every bound.
        self._counts = [0] * (len(bounds_s) + 1)
        self._total_s = 0.0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Count one; clocks of two machines differ, and a negative span counts as none."""
        seconds = max(0.0, seconds)
        with self._lock:
            self._counts[bisect_left(self._bounds, seconds)] += 1
            self._total_s += seconds

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """For each bound how many were no longer, the last for all; and the sum of seconds."""
        with self._lock:
            counts, total_s = list(self._counts), self._total_s
        return _up_to(self._bounds, counts), total_s


def _up_to(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    return [(name, float(sum(counts[: n + 1]))) for n, name in enumerate(names)]


class Tally:
    """The counts of one process."""

    __slots__ = (
        "closed",
        "first_texts",
        "frames_received",
        "frames_sent",
        "frames_took",
        "gaps",
        "history_reads",
        "limits",
        "loop_lags",
        "opened",
        "refusals",
        "runs_ended",
        "runs_reaped",
        "runs_took",
        "runs_waited",
    )

    def __init__(self) -> None:
        self.frames_received = 0
        self.frames_sent = 0
        self.opened = 0
        self.closed = Labelled()
        self.gaps = Labelled()
        self.history_reads = Labelled()
        self.refusals = Labelled()
        self.limits = Labelled()
        self.frames_took = Spans(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
        self.loop_lags = Spans(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
        self.runs_ended = Labelled()
        self.runs_reaped = Labelled()
        self.runs_waited = Spans(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)
        self.first_texts = Spans(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
        self.runs_took = Spans(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


TALLY: Final = Tally()
