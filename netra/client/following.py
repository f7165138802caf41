"""When a client asks for a thread: at first, on each new connection, and where something misses."""

from typing import Final

from netra.client.errors import Refused
from netra.client.thread import Lack, Thread

# An answer to `subscribe` that takes longer is taken for lost.
UNANSWERED_S: Final = 5.0
# What the server knows and this client does not may be on its way.
NEWS_WITHIN_S: Final = 1.0
# However much is missing, a thread is not asked for more often.
ASKED_EVERY_S: Final = 0.2
# Where the server refuses for now and names no time.
REFUSED_FOR_S: Final = 2.0


class Following:
    """One thread of the server that this client follows, over any number of connections."""

    __slots__ = (
        "_asked_at",
        "_asked_for",
        "_is_answered",
        "_moved_at",
        "_not_before",
        "asked_after",
        "is_confirmed",
        "is_own",
        "refusal",
        "thread",
        "was_confirmed",
    )

    def __init__(self, thread: Thread, *, is_own: bool = False) -> None:
        self.thread = thread
        # Followed because it was sent to; such a one makes room for another when there is none.
        self.is_own = is_own
        # What the last `subscribe` asked for; None asked for a snapshot.
        self.asked_after: int | None = None
        # Known to the server: on this connection, and ever.
        self.is_confirmed = False
        self.was_confirmed = False
        self.refusal: Refused | None = None
        self._asked_at: float | None = None
        self._asked_for: Lack | None = None
        self._is_answered = False
        self._moved_at = 0.0
        self._not_before = 0.0

    @property
    def is_known(self) -> bool:
        """Whether the server was asked for it on this connection."""
        return self._asked_at is not None

    @property
    def is_asked(self) -> bool:
        """Whether a `subscribe` of this connection has had no answer yet."""
        return self._asked_at is not None and not self._is_answered

    @property
    def is_settled(self) -> bool:
        """Whether the server follows it for us, or never will."""
        return self.refusal is not None or (self.is_confirmed and self.thread.seq is not None)

    def connected(self) -> None:
        """A new connection knows nothing of what the last one was asked."""
        self._asked_at = None
        self._is_answered = False
        self._not_before = 0.0
        self.is_confirmed = False
        self.thread.connected()

    def ask_at(self) -> float | None:
        """When to subscribe, or to do so again; None while nothing is missing."""
        if self.refusal is not None:
            return None
        if self._asked_at is None:
            return self._not_before
        lack = self.thread.lack
        if self.is_confirmed and lack is None:
            return None
        if not self._is_answered:
            return max(self._asked_at + UNANSWERED_S, self._not_before)
        patience = NEWS_WITHIN_S if lack is Lack.NEWS else 0.0
        return max(self._asked_at + ASKED_EVERY_S, self._moved_at + patience, self._not_before)

    def ask(self, now: float) -> int | None:
        """Note that the thread is asked for now; gives the `after_seq` to ask with."""
        self._asked_at = now
        self._is_answered = False
        self._asked_for = self.thread.lack
        self.asked_after = None if self._asked_for is Lack.SNAPSHOT else self.thread.seq
        return self.asked_after

    def joined(self, now: float) -> None:
        """The server follows this thread for us, since we sent to it."""
        if self._asked_at is None:
            self._asked_at = self._moved_at = now

    def moved(self, now: float) -> None:
        """Something of the thread was applied: the server knows us and is telling."""
        self.confirmed()
        self._moved_at = now
        # What comes live while a snapshot or a text is awaited is not yet the answer.
        awaited = self._asked_for if self._asked_for in (Lack.SNAPSHOT, Lack.TEXT) else None
        if awaited is None or self.thread.lack is not awaited:
            self._is_answered = True

    def sent(self, now: float) -> None:
        """A frame of ours was acknowledged, whose event may be on its way."""
        if self.thread.lack is Lack.NEWS:
            self._moved_at = now

    def heard_head(self, head: int, now: float) -> None:
        """The server said how far the thread is, and so that it follows it for us."""
        if self.thread.lack is not Lack.NEWS:
            self._moved_at = now
        self.confirmed()
        self.thread.hear_head(head)
        # With nothing to tell there is no other answer to a `subscribe`.
        if self.thread.lack in (None, Lack.NEWS):
            self._is_answered = True

    def unheard(self, now: float) -> None:
        """The server named the threads it follows for us, and this is none of them."""
        if self._asked_at is not None and now - self._asked_at > UNANSWERED_S:
            self._asked_at = None

    def confirmed(self) -> None:
        self.is_confirmed = self.was_confirmed = True

    def refused(self, refusal: Refused) -> None:
        """The server will never follow it for us."""
        self.refusal = refusal
        self._asked_at = None

    def refused_for_now(self, retry_after_s: float | None, now: float) -> None:
        """The server could not subscribe us; it dropped the subscription before it tried."""
        self._asked_at = None
        self.is_confirmed = False
        self._not_before = now + (REFUSED_FOR_S if retry_after_s is None else retry_after_s)
