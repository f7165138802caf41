"""Frames that want a final answer: each is sent, over any number of sockets, until it has one."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from netra.client.errors import OutboxFull, Refused
from netra.client.frames import Ack, Problem
from netra.client.pending import Pending, PendingSend

# A frame the server asks to have again goes out at most so often; with the server's 2 s between
# two tries that outlasts a restart of its database.
TRIES_MAX: Final = 20
# Longer than the server bids wait: an answer that promises next month is final.
POSTPONED_S_MAX: Final = 3600.0
# Answers kept for whoever asks for them later.
ANSWERS_KEPT_MAX: Final = 1000


Answer = Ack | Refused


@dataclass(slots=True, kw_only=True)
class _Entry:
    pending: Pending
    # Not to be sent before it is stored.
    is_held: bool
    is_in_flight: bool = False
    not_before: float = 0.0
    tries: int = 0


@dataclass(slots=True)
class Outbox:
    """What waits for answers, oldest first, and the last answers that came."""

    limit: int
    # Raised whenever `stored` changes.
    version: int = 0
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def pending(self) -> tuple[Pending, ...]:
        return tuple(entry.pending for entry in self._entries.values())

    @property
    def stored(self) -> tuple[PendingSend, ...]:
        """What a file of this outbox holds."""
        return tuple(one for one in self.pending if isinstance(one, PendingSend))

    def restore(self, sends: Iterable[PendingSend]) -> None:
        """Take back what an earlier life of the program had no answer for."""
        for send in sends:
            self._entries.setdefault(send.client_id, _Entry(pending=send, is_held=False))

    def add(self, pending: Pending, *, is_held: bool = False) -> None:
        """Keep a frame until it is answered; the same one again joins the first.

        Raises OutboxFull, and Refused for another frame with a known `client_id`.
        """
        known = self._entries.get(pending.client_id)
        if known is not None:
            if replace(known.pending, user_id=None) != replace(pending, user_id=None):
                raise Refused("client_id_reused", "Another frame with this client_id waits.")
            return
        if len(self._entries) >= self.limit:
            raise OutboxFull(self.limit)
        self._answers.pop(pending.client_id, None)
        self._entries[pending.client_id] = _Entry(pending=pending, is_held=is_held)
        self.version += 1

    def release(self, client_id: str) -> None:
        """The frame is stored and may go."""
        if client_id in self._entries:
            self._entries[client_id].is_held = False

    def withdraw(self, client_id: str) -> None:
        self._entries.pop(client_id, None)
        self.version += 1

    def pending_as(self, client_id: str) -> Pending | None:
        """What waits with this id; None when nothing does."""
        entry = self._entries.get(client_id)
        return None if entry is None else entry.pending

    def holds(self, client_id: str) -> bool:
        return client_id in self._entries

    def answer_to(self, client_id: str) -> Answer | None:
        """The final answer, None while there is none."""
        return self._answers.get(client_id)

    def reconnected(self) -> None:
        """A new connection knows nothing of what the last one carried."""
        for entry in self._entries.values():
            entry.is_in_flight = False

    def take(self, now: float, *, user_id: str) -> list[str]:
        """The frames to send now, in order; none overtakes a postponed one of its thread."""
        frames: list[str] = []
        waiting: set[str] = set()
        for entry in self._entries.values():
            thread_id = _thread_of(entry.pending)
            if entry.is_in_flight or thread_id in waiting or not self._claim(entry, user_id):
                continue
            if entry.is_held or entry.not_before > now:
                if thread_id is not None:
                    waiting.add(thread_id)
                continue
            entry.is_in_flight = True
            frames.append(entry.pending.frame())
        return frames

    def due_at(self, now: float) -> float | None:
        """When the next postponed frame may go; None when none waits for a time."""
        times = (entry.not_before for entry in self._entries.values())
        return min((time for time in times if time > now), default=None)

    def take_answer(self, answer: Ack | Problem, now: float) -> bool:
        """Note the answer to one of these frames; False when it is not the final one."""
        entry = self._entries.get(answer.client_id or "")
        if entry is None:
            return False
        entry.tries += 1
        if isinstance(answer, Problem):
            if self._postpone(entry, answer, now):
                return False
            given = Refused(
                answer.code,
                answer.message,
                retryable=answer.retryable,
                retry_after_s=answer.retry_after_s,
            )
            self._settle(entry, given)
        else:
            self._settle(entry, answer)
        return True

    def _postpone(self, entry: _Entry, problem: Problem, now: float) -> bool:
        """Keep a frame that the server wants again later; False when it is refused for good."""
        wait_s = problem.retry_after_s
        if not problem.retryable or wait_s is None or wait_s > POSTPONED_S_MAX:
            return False
        if entry.tries >= TRIES_MAX:
            return False
        entry.is_in_flight = False
        entry.not_before = now + max(0.0, wait_s)
        return True

    def _settle(self, entry: _Entry, answer: Answer) -> None:
        client_id = entry.pending.client_id
        del self._entries[client_id]
        self.version += 1
        self._answers[client_id] = answer
        if len(self._answers) > ANSWERS_KEPT_MAX:
            self._answers.pop(next(iter(self._answers)))

    def _claim(self, entry: _Entry, user_id: str) -> bool:
        """Whether the frame is this user's; one that is nobody's yet becomes theirs."""
        if entry.pending.user_id is None:
            entry.pending = replace(entry.pending, user_id=user_id)
            self.version += 1
        return entry.pending.user_id == user_id


def _thread_of(pending: Pending) -> str | None:
    return pending.thread_id if isinstance(pending, PendingSend) else None
