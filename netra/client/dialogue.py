"""One client's side of `netra.v1` over any number of connections; no I/O, no clock, no chance.

The shell tells it what happened (`opening`, `receive`, `closed`, `wake`) and asks what to write
(`to_send`), by when (`due_at`), whether the connection is dead and when to connect again. Times are
seconds of any one clock that only goes forward.
"""

import json
from enum import Enum, StrEnum, auto
from typing import Final, assert_never

from netra.client.backoff import TOO_MANY_CONNECTIONS, delay_before, is_final
from netra.client.decoding import Malformed, decode
from netra.client.errors import Closed, Refused
from netra.client.followings import Followings
from netra.client.frames import (
    Account,
    AccountChanged,
    Ack,
    Delta,
    Drain,
    Events,
    Pong,
    Problem,
    Ready,
    ServerFrame,
    Services,
    ServicesChanged,
    Snapshot,
    User,
    Welcome,
)
from netra.client.outbox import Outbox
from netra.client.pending import PendingEdit, PendingSend

# More than two heartbeats without a frame: the server, or the way to it, is dead.
SILENCE_S_MAX: Final = 60.0
# The server gives itself 5 s from accept to ready.
SETUP_S_MAX: Final = 15.0
# How long a woken client waits for the answer to its ping.
ANSWER_S_MAX: Final = 3.0
# A server notices within 60 s that a network is gone; till then the lost connection has a place.
PLACE_LOST_S_MAX: Final = 75.0
SEEN_EVERY_S: Final = 1.0
# After a `subscribe` that may have nothing to answer, a ping tells whether it arrived.
CONFIRMED_WITHIN_S: Final = 0.25
PING_EVERY_S: Final = 1.0
# The keys of news that are about no thread and no frame.
STATE: Final = "state"
OUTBOX: Final = "outbox"
_PING: Final = json.dumps({"type": "ping"})


class ClientState(StrEnum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    READY = "ready"
    DEGRADED = "degraded"
    OFFLINE = "offline"


class _Phase(Enum):
    CLOSED = auto()
    OPENING = auto()
    CONNECTED = auto()
    READY = auto()


class Dialogue:
    """What a client knows, wants and has to say."""

    def __init__(self, *, outbox: Outbox, events_kept: int) -> None:
        self.outbox = outbox
        self.followings = Followings(events_kept=events_kept)
        self.connection_id: str | None = None
        self.user: User | None = None
        self.account: Account | None = None
        self.services = Services()
        # Set once the dialogue is over for good.
        self.final: Closed | None = None
        # When to connect again; None while there is a connection, and at the end.
        self.retry_at: float | None = None
        self.times_ready = 0
        self.frames_ignored = 0
        self._phase = _Phase.CLOSED
        self._has_begun = False
        self._was_ended = False
        self._failures = 0
        self._drain_s = 0.0
        self._lost_at = float("-inf")
        self._bytes = 0
        self._heard_at = 0.0
        self._seen_at: float | None = None
        self._seen_last = float("-inf")
        self._is_woken = False
        self._confirm_at: float | None = None
        self._answer_by: float | None = None
        self._news: set[str] = set()
        self._told_version = 0

    @property
    def state(self) -> ClientState:
        if not self._has_begun or self._was_ended:
            return ClientState.DISCONNECTED
        if self.final is not None:
            return ClientState.OFFLINE
        if self._phase is _Phase.READY:
            return ClientState.READY if self.services.all_up else ClientState.DEGRADED
        if self._phase is _Phase.CONNECTED:
            return ClientState.CONNECTED
        # The first attempt of a series may just be quick; after that say what it is.
        return ClientState.OFFLINE if self._failures > 1 else ClientState.CONNECTING

    def take_news(self) -> set[str]:
        """What changed since the last call: STATE, OUTBOX, thread ids and client ids."""
        news, self._news = self._news, set()
        if self._told_version != self.outbox.version:
            self._told_version = self.outbox.version
            news.add(OUTBOX)
        return news

    # What the shell tells

    def opening(self, now: float) -> None:
        """An attempt to connect begins."""
        self._has_begun = True
        self._phase = _Phase.OPENING
        self.retry_at = None
        self._heard_at = now
        self._bytes = 0
        self._drain_s = 0.0
        self._news.add(STATE)

    def receive(self, raw: bytes, now: float) -> None:
        """Take one text frame of the server."""
        self._heard_at = now
        self._bytes += len(raw)
        self._answer_by = None
        if self._seen_at is None:
            self._seen_at = max(now, self._seen_last + SEEN_EVERY_S)
        try:
            frame = decode(raw)
        except Malformed:
            # What it should have told is missed and healed like any frame that was lost.
            self.frames_ignored += 1
            return
        if frame is not None:
            self._take(frame, now)

    def closed(self, code: int, reason: str, now: float, *, chance: float) -> None:
        """The connection ended, or could not be made (then with 1006)."""
        if self._phase is _Phase.READY and not is_final(code):
            self._lost_at = now
        self._phase = _Phase.CLOSED
        self.connection_id = None
        self._seen_at = self._confirm_at = self._answer_by = None
        self._is_woken = False
        self._news.add(STATE)
        if self.final is not None:
            return
        # It may be our own lost connection that is one too many.
        is_own_place = code == TOO_MANY_CONNECTIONS and now - self._lost_at < PLACE_LOST_S_MAX
        if is_final(code) and not is_own_place:
            self.final = Closed(code, reason)
            return
        delay_s = delay_before(
            code=code, failures=self._failures, drain_s=self._drain_s, chance=chance
        )
        self._failures += 1
        self.retry_at = now + delay_s

    def end(self, closed: Closed) -> None:
        """Say no more, as the program wishes; whoever waits is told why nothing comes."""
        self.final = self.final or closed
        self._was_ended = True
        self.retry_at = None
        self._phase = _Phase.CLOSED
        self._news.add(STATE)

    def wake(self, now: float) -> None:
        """The program slept, or the network changed: ask the server, or connect at once."""
        if self.retry_at is not None:
            self.retry_at = now
        if self._phase is _Phase.READY:
            self._is_woken = True
            self._answer_by = now + ANSWER_S_MAX

    # What the shell asks

    def is_dead(self, now: float) -> bool:
        """Whether the connection should be left behind, since nothing comes over it."""
        if self._phase is _Phase.CLOSED:
            return False
        limit_s = SILENCE_S_MAX if self._phase is _Phase.READY else SETUP_S_MAX
        is_overdue = self._answer_by is not None and now >= self._answer_by
        return is_overdue or now >= self._heard_at + limit_s

    def to_send(self, now: float) -> list[str]:
        """The frames to write now, in order."""
        if self._phase is not _Phase.READY or self.user is None:
            return []
        frames = self.followings.frames(now)
        if frames and self._confirm_at is None:
            self._confirm_at = now + CONFIRMED_WITHIN_S
        frames += self.outbox.take(now, user_id=self.user.user_id)
        if self._wants_ping(now):
            frames.append(_PING)
        if self._seen_at is not None and now >= self._seen_at:
            self._seen_last, self._seen_at = now, None
            heads = self.followings.applied()
            frames.append(json.dumps({"type": "seen", "heads": heads, "bytes": self._bytes}))
        return frames

    def due_at(self, now: float) -> float:
        """When to ask `to_send` and `is_dead` again though nothing happens until then."""
        if self._phase is not _Phase.READY:
            return self._heard_at + SETUP_S_MAX
        times = (
            self._heard_at + SILENCE_S_MAX,
            self._answer_by,
            now if self._is_woken else None,
            self._confirm_at,
            self._seen_at,
            self.outbox.due_at(now),
            self.followings.due_at(),
        )
        return min(time for time in times if time is not None)

    # Frames of the server

    def _take(self, frame: ServerFrame, now: float) -> None:
        match frame:
            case Welcome():
                self.connection_id = frame.connection_id
                self._phase = _Phase.CONNECTED
                self._news.add(STATE)
            case Ready():
                self._become_ready(frame)
            case ServicesChanged():
                self.services = frame.services
                self._news.add(STATE)
            case AccountChanged():
                self.account = frame.account
                self._news.add(STATE)
            case Drain():
                self._drain_s = max(0, frame.reconnect_after_ms) / 1000
            case Pong():
                self.followings.take_heads(frame.heads, now)
                self._news.update(frame.heads)
            case Events():
                self._take_events(frame, now)
            case Delta():
                self.followings.take_delta(frame, now)
                self._news.add(frame.thread_id)
            case Snapshot():
                self.followings.take_snapshot(frame, now)
                self._news.add(frame.thread_id)
            case Ack():
                self._take_ack(frame, now)
            case Problem():
                self._take_problem(frame, now)
            case _:
                assert_never(frame)

    def _become_ready(self, frame: Ready) -> None:
        self._phase = _Phase.READY
        self._failures = 0
        self.times_ready += 1
        self.user, self.account, self.services = frame.user, frame.account, frame.services
        self.outbox.reconnected()
        self.followings.connected()
        self._news.add(STATE)

    def _take_events(self, frame: Events, now: float) -> None:
        if frame.thread_id not in self.followings:
            # Events of a thread that a send of ours has just made can come before its ack.
            ours = (e.seq for e in frame.events if self._is_ours(e.data.get("client_id")))
            first = next(ours, None)
            if first is None:
                return
            self.followings.adopt(frame.thread_id, after_seq=first - 1, now=now)
        self.followings.take_events(frame, now)
        self._news.add(frame.thread_id)

    def _is_ours(self, client_id: object) -> bool:
        return isinstance(client_id, str) and self.outbox.holds(client_id)

    def _take_ack(self, ack: Ack, now: float) -> None:
        answered = self.outbox.pending_as(ack.client_id)
        if not self.outbox.take_answer(ack, now):
            return
        self._news.add(ack.client_id)
        if ack.seq is None:
            return
        if isinstance(answered, PendingSend | PendingEdit):
            # The server follows a thread for whoever says something in it, and only then.
            self.followings.adopt(ack.thread_id, after_seq=ack.seq - 1, now=now)
            self.followings.take_ack(ack, now)
        else:
            self.followings.hear_of(ack.thread_id, ack.seq, now)
        self._news.add(ack.thread_id)

    def _take_problem(self, problem: Problem, now: float) -> None:
        if problem.client_id is not None:
            if self.outbox.take_answer(problem, now):
                self._news.add(problem.client_id)
            return
        refused = Refused(
            problem.code,
            problem.message,
            retryable=problem.retryable,
            retry_after_s=problem.retry_after_s,
        )
        thread_id = self.followings.take_refusal(refused, now, thread_id=problem.thread_id)
        if thread_id is not None:
            self._news.add(thread_id)

    def _wants_ping(self, now: float) -> bool:
        is_woken, self._is_woken = self._is_woken, False
        if self._confirm_at is None or now < self._confirm_at:
            return is_woken
        is_unsure = self.followings.has_unconfirmed
        self._confirm_at = now + PING_EVERY_S if is_unsure else None
        return is_woken or is_unsure
