"""All threads that one client follows, and what has to be said to the server about them."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from netra.client.errors import Refused
from netra.client.following import Following
from netra.client.frames import Ack, Delta, Events, Snapshot
from netra.client.thread import Thread

# The server follows no more for one connection.
THREADS_MAX: Final = 200
# Refusals of `subscribe`; every other `error` without a client_id answers something else.
_NOT_NOW: Final = "unavailable"
_NEVER: Final = frozenset({"not_found", "too_many"})


class Followings:
    """Threads by id; those that were only sent to make room for others."""

    def __init__(self, *, events_kept: int) -> None:
        self._events_kept = events_kept
        self._by_id: dict[str, Following] = {}
        # Those that miss something: only they have times, so only they are looked at often.
        self._restless: dict[str, Following] = {}
        self._left: set[str] = set()

    def __contains__(self, thread_id: str) -> bool:
        return thread_id in self._by_id

    def __getitem__(self, thread_id: str) -> Following:
        return self._by_id[thread_id]

    def __iter__(self) -> Iterator[Following]:
        return iter(tuple(self._by_id.values()))

    @property
    def has_unconfirmed(self) -> bool:
        """Whether the server may not know of a thread that it was asked for."""
        return any(each.is_asked and not each.is_confirmed for each in self._restless.values())

    def applied(self) -> dict[str, int]:
        """The seq applied last of each thread, for `seen`."""
        threads = (each.thread for each in self if each.refusal is None)
        return {thread.thread_id: thread.seq for thread in threads if thread.seq is not None}

    def follow(self, thread_id: str, *, after_seq: int | None) -> None:
        """Follow a thread from a position, or as it stands; raises Refused when it is one more."""
        known = self._by_id.get(thread_id)
        if known is not None and known.refusal is None:
            known.is_own = False
            return
        self._forget(thread_id)
        if not self._make_room():
            raise Refused("too_many", f"A connection follows {THREADS_MAX} threads, not more.")
        self._note(self._add(thread_id, after_seq=after_seq))

    def adopt(self, thread_id: str, *, after_seq: int, now: float) -> None:
        """Follow a thread that the server follows for us, since we sent to it."""
        if thread_id in self._by_id or not self._make_room():
            return
        following = self._add(thread_id, after_seq=after_seq)
        following.is_own = True
        following.joined(now)
        self._note(following)

    def unfollow(self, thread_id: str) -> None:
        following = self._forget(thread_id)
        if following is not None and following.is_known:
            self._left.add(thread_id)

    def connected(self) -> None:
        self._left.clear()
        for following in self:
            following.connected()
            self._note(following)

    def frames(self, now: float) -> list[str]:
        """What to tell the server now: threads left, threads asked for."""
        frames = [
            json.dumps({"type": "unsubscribe", "thread_id": thread_id}) for thread_id in self._left
        ]
        self._left.clear()
        for following in tuple(self._restless.values()):
            ask_at = following.ask_at()
            if ask_at is None or ask_at > now or self._must_wait(following):
                continue
            ask = {
                "type": "subscribe",
                "thread_id": following.thread.thread_id,
                "after_seq": following.ask(now),
            }
            frames.append(json.dumps(ask))
        return frames

    def due_at(self) -> float | None:
        """When a thread should be asked for; None while nothing is missing."""
        waits = (each for each in self._restless.values() if not self._must_wait(each))
        return min((at for each in waits if (at := each.ask_at()) is not None), default=None)

    def take_heads(self, heads: Mapping[str, int], now: float) -> None:
        """Compare with what the server says it has of each thread it follows for us."""
        for following in self:
            thread_id = following.thread.thread_id
            if thread_id in heads:
                following.heard_head(heads[thread_id], now)
            else:
                following.unheard(now)
            self._note(following)

    def take_events(self, frame: Events, now: float) -> None:
        following = self._by_id.get(frame.thread_id)
        if following is None:
            return
        if following.thread.take_events(frame.events):
            following.moved(now)
        self._note(following)

    def take_delta(self, delta: Delta, now: float) -> None:
        following = self._by_id.get(delta.thread_id)
        if following is None:
            return
        if following.thread.take_delta(delta):
            following.moved(now)
        self._note(following)

    def take_snapshot(self, frame: Snapshot, now: float) -> None:
        following = self._by_id.get(frame.thread_id)
        if following is None:
            return
        if following.thread.take_snapshot(frame, asked_after=following.asked_after):
            following.moved(now)
        self._note(following)

    def take_ack(self, ack: Ack, now: float) -> None:
        following = self._by_id.get(ack.thread_id)
        if following is None:
            return
        # The newest is the last to make room.
        self._by_id[ack.thread_id] = self._by_id.pop(ack.thread_id)
        following.thread.take_ack(ack)
        following.sent(now)
        self._note(following)

    def hear_of(self, thread_id: str, seq: int, now: float) -> None:
        """The answer to a frame of ours says how far the thread is."""
        following = self._by_id.get(thread_id)
        if following is None:
            return
        following.thread.hear_head(seq)
        following.sent(now)
        self._note(following)

    def take_refusal(self, refused: Refused, now: float, *, thread_id: str | None) -> str | None:
        """Take the refusal of a `subscribe`; gives the thread it was about, if it was one."""
        following = self._meant_by(thread_id)
        if following is None:
            return None
        if refused.code == _NOT_NOW:
            following.refused_for_now(refused.retry_after_s, now)
        elif refused.code in _NEVER:
            following.refused(refused)
        else:
            return None
        self._note(following)
        return following.thread.thread_id

    def _meant_by(self, thread_id: str | None) -> Following | None:
        """The `subscribe` an error answers: the one it names, else the one that can be meant."""
        if thread_id is not None:
            return self._by_id.get(thread_id)
        asked = [each for each in self._restless.values() if each.is_asked]
        strangers = [each for each in asked if not each.was_confirmed] or asked
        return strangers[0] if len(strangers) == 1 else None

    def _must_wait(self, following: Following) -> bool:
        # An error may name no thread: asked for one by one, it is known which does not exist.
        if following.was_confirmed:
            return False
        others = (each for each in self._restless.values() if each is not following)
        return any(each.is_asked and not each.was_confirmed for each in others)

    def _note(self, following: Following) -> None:
        thread_id = following.thread.thread_id
        if following.ask_at() is None:
            self._restless.pop(thread_id, None)
        else:
            self._restless[thread_id] = following

    def _add(self, thread_id: str, *, after_seq: int | None) -> Following:
        thread = Thread(thread_id, after_seq=after_seq, events_kept=self._events_kept)
        following = self._by_id[thread_id] = Following(thread)
        self._left.discard(thread_id)
        return following

    def _forget(self, thread_id: str) -> Following | None:
        self._restless.pop(thread_id, None)
        return self._by_id.pop(thread_id, None)

    def _make_room(self) -> bool:
        if len(self._by_id) < THREADS_MAX:
            return True
        refused = [each for each in self if each.refusal is not None]
        own = [each for each in self if each.is_own]
        quiet = [each for each in own if each.thread.active_run_id is None]
        room = next(iter(refused or quiet or own), None)
        if room is None:
            return False
        self.unfollow(room.thread.thread_id)
        return True
