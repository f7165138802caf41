"""Messages that wait: their order, their room and their age (SPEC §2)."""

from collections import deque
from math import inf
from typing import Final, Generic, TypeVar

from chat.connection.outcomes import Outcomes
from chat.connection.queue_metrics import QueueCounts
from chat.connection.queued_message import MessagePriority, QueuedMessage

P = TypeVar("P")

_MOST_URGENT_FIRST: Final = tuple(reversed(MessagePriority))
_EXPIRING: Final = tuple(p for p in MessagePriority if p is not MessagePriority.CRITICAL)


class Backlog(Generic[P]):
    """One lane a priority, first in first out inside each, counting whatever leaves unprocessed."""

    __slots__ = (
        "_ahead",
        "_counts",
        "_expire_from",
        "_lanes",
        "_max_age_s",
        "_max_size",
        "_outcomes",
    )

    def __init__(
        self, *, max_size: int, max_age_s: float, counts: QueueCounts, outcomes: Outcomes[P]
    ) -> None:
        self._max_size = max_size
        self._max_age_s = max_age_s
        self._counts = counts
        self._outcomes = outcomes
        # Made when first used: an empty deque takes 600 bytes and most queues use two.
        self._lanes: list[deque[QueuedMessage[P]] | None] = [None] * len(MessagePriority)
        # While a flush delivers its backlog: how many of each lane's first belong to it.
        self._ahead: list[int] | None = None

        # Nothing is too old before this: asked at each step, it is not looked for at each.
        self._expire_from = inf

    def add(self, message: QueuedMessage[P]) -> None:
        self._lane(message.priority).append(message)
        self._expire_from = min(self._expire_from, message.enqueued_at + self._max_age_s)

    def put_back(self, message: QueuedMessage[P]) -> None:
        """Make a message that was taken the first of its lane again."""
        self._lane(message.priority).appendleft(message)
        self._expire_from = min(self._expire_from, message.enqueued_at + self._max_age_s)
        if self._ahead is not None:
            self._ahead[message.priority] += 1

    def hold_newcomers(self) -> None:
        """Deliver what is here now before what comes later, however urgent that is."""
        self._ahead = [len(lane) if lane else 0 for lane in self._lanes]

    def take(self, now: float) -> QueuedMessage[P] | None:
        """Remove the oldest of the highest priority that is not too old."""
        self.expire(now)
        if self._ahead is not None and not any(self._ahead):
            self._ahead = None
        for priority in _MOST_URGENT_FIRST:
            if self._lanes[priority] if self._ahead is None else self._ahead[priority]:
                return self._pop(priority)
        return None

    def has_room(
        self, priority: MessagePriority, now: float, in_hand: QueuedMessage[P] | None
    ) -> bool:
        """Whether one more may come in, after evicting the oldest of the lowest lane below it."""
        counts = self._counts
        if counts.queued < self._max_size:
            return True
        self.expire(now)
        if counts.queued < self._max_size:
            return True
        for lower in range(priority):
            if self._lanes[lower]:
                self._pop(lower)
                counts.queued -= 1
                counts.evicted += 1
                counts.overflow_events += 1
                return True
        # What the processor holds cannot be evicted, and a critical is not refused for its sake:
        # one is let in above max_size, for as long as that delivery takes.
        is_critical = priority is MessagePriority.CRITICAL
        is_blocked_by_lesser = in_hand is not None and in_hand.priority < priority
        if is_critical and is_blocked_by_lesser and counts.queued == self._max_size:
            return True
        counts.overflow_events += 1
        return False

    def is_too_old(self, message: QueuedMessage[P], now: float) -> bool:
        is_critical = message.priority is MessagePriority.CRITICAL
        return not is_critical and now - message.enqueued_at > self._max_age_s

    def expire(self, now: float) -> None:
        """Remove what is too old to be delivered; the oldest of a lane is always its first."""
        if now <= self._expire_from:
            return
        self._expire_from = inf
        for priority in _EXPIRING:
            while (lane := self._lanes[priority]) and self.is_too_old(lane[0], now):
                self._counts.queued -= 1
                self._counts.expired += 1
                self._outcomes.note_expired(self._pop(priority))
            if lane:
                self._expire_from = min(self._expire_from, lane[0].enqueued_at + self._max_age_s)

    def drop_lanes(self) -> None:
        """Give the memory of empty lanes back: most queues are empty most of the time."""
        self._lanes = [None] * len(MessagePriority)
        self._expire_from = inf

    def clear(self, now: float) -> int:
        """Remove everything; returns how many were not too old anyway."""
        self.expire(now)
        cleared = sum(len(lane) for lane in self._lanes if lane)
        self._lanes = [None] * len(MessagePriority)
        self._ahead = None
        self._counts.queued -= cleared
        self._counts.cleared += cleared
        return cleared

    def _lane(self, priority: int) -> deque[QueuedMessage[P]]:
        lane = self._lanes[priority]
        if lane is None:
            lane = self._lanes[priority] = deque()
        return lane

    def _pop(self, priority: int) -> QueuedMessage[P]:
        if self._ahead is not None and self._ahead[priority]:
            self._ahead[priority] -= 1
        return self._lane(priority).popleft()
