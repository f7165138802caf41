"""One thread as its frames tell it: each event once and in order, its branch, texts of runs."""

from collections import deque
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import islice
from typing import Final

from netra.client.branches import Branches
from netra.client.frames import Ack, Delta, Event, Message, Snapshot
from netra.client.run import Run

# What one followed thread may hold of a program's memory, beside its events and messages.
RUNS_KEPT_MAX: Final = 1000


class Lack(Enum):
    """What a thread misses, the worst first."""

    SNAPSHOT = auto()  # nothing is known yet, or what is known does not fit
    EVENTS = auto()  # a later event has come
    TEXT = auto()  # a later piece of an answer has come
    NEWS = auto()  # the server knows more, which may be on its way


class Thread:
    """What a client has applied of a thread; its `take_…` methods are for the client alone.

    `seq` is the last event applied, None before the first snapshot. `events` end at `seq` and have
    no gap; a snapshot from further on begins them anew, since it stands for what came before it.
    """

    def __init__(self, thread_id: str, *, after_seq: int | None, events_kept: int) -> None:
        self.thread_id = thread_id
        self.seq = after_seq
        # The highest seq the server is known to have, and that it has named over this connection.
        self.head = 0
        self.heard = 0
        self.snapshot_seq: int | None = None
        self._events: deque[Event] = deque(maxlen=events_kept)
        self._branches = Branches()
        self._runs: dict[str, Run] = {}
        self._holes: set[str] = set()
        self._torn_at = 0
        self._misfits = False

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(self._events)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages of the shown branch, in its order; `more` says that it begins earlier."""
        return self._branches.messages

    @property
    def more(self) -> bool:
        return self._branches.lead is not None

    @property
    def tip(self) -> str | None:
        """The run in which the shown branch ends; None while that is not known, and without one."""
        return self._branches.tip

    @property
    def active_run_id(self) -> str | None:
        """The run that holds the thread now; later ones are queued."""
        runs = self._runs.values()
        working = (run for run in runs if not run.has_ended and run.status != "queued")
        return next((run.run_id for run in working), None)

    def text_of(self, run_id: str) -> str:
        """The answer of a run as far as it has come; empty for a run not known."""
        run = self._runs.get(run_id)
        return run.text if run else ""

    def status_of(self, run_id: str) -> str | None:
        """How a run stands: queued, running, waiting, completed, stopped, failed or limit."""
        run = self._runs.get(run_id)
        return run.status if run else None

    def events_after(self, seq: int) -> Sequence[Event]:
        """The kept events above `seq`, oldest first."""
        wanted = max(0, (self.seq or 0) - seq)
        return list(islice(reversed(self._events), wanted))[::-1]

    @property
    def first_kept(self) -> int:
        """The seq of the first event kept; one above `seq` when none is."""
        return self._events[0].seq if self._events else (self.seq or 0) + 1

    @property
    def lack(self) -> Lack | None:
        if self.seq is None or self._misfits or self._branches.is_torn:
            return Lack.SNAPSHOT
        if self.seq < self._torn_at:
            return Lack.EVENTS
        if self._holes:
            return Lack.TEXT
        return Lack.NEWS if self.seq < self.head else None

    def connected(self) -> None:
        """Over a new connection the server has named no position so far."""
        self.heard = 0

    def hear_head(self, head: int) -> None:
        self.head = max(self.head, head)
        self.heard = max(self.heard, head)

    def take_events(self, events: Iterable[Event]) -> bool:
        """Apply what comes next, drop what is old; answers whether any was applied."""
        before = self.seq
        for event in events:
            self.hear_head(event.seq)
            if self.seq is None or event.seq <= self.seq:
                continue
            if event.seq > self.seq + 1:
                self._torn_at = max(self._torn_at, event.seq)
                continue
            self._apply(event)
            self.seq = event.seq
        return self.seq != before

    def take_delta(self, delta: Delta) -> bool:
        """Apply a piece of text; answers whether it joined what is held."""
        if self.seq is None:
            return False
        joined = self._run(delta.run_id).take_delta(delta)
        if joined:
            self._holes.discard(delta.run_id)
        else:
            self._holes.add(delta.run_id)
        return joined

    def take_snapshot(self, snapshot: Snapshot, *, asked_after: int | None) -> bool:
        """Replace what is known; False for one older than what was applied since.

        One below the position that was asked for is taken where the server has no such position.
        """
        was_unknown = asked_after is not None and max(snapshot.seq, self.heard) < asked_after
        if self.seq is not None and snapshot.seq < self.seq and not was_unknown:
            return False
        if self._branches.is_torn or snapshot.seq != self.seq:
            # What was known of other branches may have changed since.
            self._branches = Branches()
        if self.seq is None or snapshot.seq > self.seq:
            self._events.clear()
        while self._events and self._events[-1].seq > snapshot.seq:
            self._events.pop()
        self.seq = self.snapshot_seq = self.head = self.heard = snapshot.seq
        self._torn_at = 0
        self._misfits = False
        self._holes.clear()
        self._branches.take_snapshot(snapshot)
        self._runs = self._runs_after(snapshot)
        return True

    def take_ack(self, ack: Ack) -> None:
        """Learn from the answer to a send or an edit of ours which run answers the message."""
        self.hear_head(ack.seq or 0)
        if ack.message_id is None or ack.run_id is None:
            return
        self._branches.take_ack(ack.message_id, ack.run_id)
        if not ack.duplicate:
            # The run of a repeated send may have ended long ago, and its events been applied.
            self._run(ack.run_id, status="queued")

    def _runs_after(self, snapshot: Snapshot) -> dict[str, Run]:
        runs = {run_id: run for run_id, run in self._runs.items() if run.has_ended}
        for message in snapshot.messages:
            if message.role == "assistant" and message.run_id is not None:
                run = Run(message.run_id, status=message.status)
                run.take_whole(message.text, message.message_id)
                runs[run.run_id] = run
        for run_id in snapshot.queued_run_ids:
            runs[run_id] = Run(run_id, status="queued")
        active = snapshot.active_run
        if active is not None:
            held = self._runs.get(active.run_id)
            # A delta with the whole text follows; what is held of the same attempt stays till then.
            same = held is not None and held.attempt == active.attempt and not held.has_ended
            run = held if held is not None and same else Run(active.run_id)
            run.status = active.status
            runs[run.run_id] = run
        return runs

    def _apply(self, event: Event) -> None:
        self._events.append(event)
        self._branches.take_event(event)
        if event.run_id is None:
            return
        run = self._run(event.run_id)
        if not run.take_event(event):
            self._misfits = True
        if run.is_whole or run.has_ended:
            self._holes.discard(run.run_id)

    def _run(self, run_id: str, *, status: str = "running") -> Run:
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = Run(run_id, status=status)
            self._forget_old_runs()
        return run

    def _forget_old_runs(self) -> None:
        if len(self._runs) > RUNS_KEPT_MAX:
            ended = (run.run_id for run in self._runs.values() if run.has_ended)
            forgotten = next(ended, next(iter(self._runs)))
            self._holes.discard(forgotten)
            del self._runs[forgotten]
