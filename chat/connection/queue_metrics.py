"""What a message queue counts, and how long its messages waited (SPEC §2)."""

from array import array
from dataclasses import dataclass, field
from math import ceil
from typing import Final

# The newest waiting times the percentile is taken over: a full default queue, in 8 KiB.
SAMPLE_LIMIT: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMetrics:
    """Always accepted = delivered + expired + evicted + dead_lettered + cleared + queued.

    `queued` includes the message in the processor's hands. Times are milliseconds from enqueue
    to the first attempt: the mean over all, the percentile over the newest 1024.
    """

    accepted: int
    delivered: int
    expired: int
    evicted: int
    refused: int
    dropped: int  # evicted + refused
    dead_lettered: int
    cleared: int
    queued: int
    overflow_events: int
    flushes: int
    peak_size: int
    queue_ms_mean: float
    queue_ms_p95: float


class QueueTimes:
    """Waiting times in seconds, cheap to add and sorted only when somebody asks."""

    __slots__ = ("_count", "_newest", "_total_s")

    def __init__(self) -> None:
        self._count = 0
        self._total_s = 0.0
        self._newest: array[float] = array("d")

    def add(self, waited_s: float) -> None:
        if self._count < SAMPLE_LIMIT:
            self._newest.append(waited_s)
        else:
            self._newest[self._count % SAMPLE_LIMIT] = waited_s
        self._count += 1
        self._total_s += waited_s

    @property
    def mean_ms(self) -> float:
        return 1000 * self._total_s / self._count if self._count else 0.0

    @property
    def p95_ms(self) -> float:
        """By nearest rank: the smallest time that 95 % of the newest do not exceed."""
        if not self._newest:
            return 0.0
        return 1000 * sorted(self._newest)[ceil(0.95 * len(self._newest)) - 1]


@dataclass(slots=True)
class QueueCounts:
    """The running counts behind QueueMetrics; `queued` is what the queue holds."""

    accepted: int = 0
    delivered: int = 0
    expired: int = 0
    evicted: int = 0
    refused: int = 0
    dead_lettered: int = 0
    cleared: int = 0
    queued: int = 0
    overflow_events: int = 0
    flushes: int = 0
    peak_size: int = 0
    times: QueueTimes = field(default_factory=QueueTimes)

    def metrics(self) -> QueueMetrics:
        return QueueMetrics(
            accepted=self.accepted,
            delivered=self.delivered,
            expired=self.expired,
            evicted=self.evicted,
            refused=self.refused,
            dropped=self.evicted + self.refused,
            dead_lettered=self.dead_lettered,
            cleared=self.cleared,
            queued=self.queued,
            overflow_events=self.overflow_events,
            flushes=self.flushes,
            peak_size=self.peak_size,
            queue_ms_mean=self.times.mean_ms,
            queue_ms_p95=self.times.p95_ms,
        )
