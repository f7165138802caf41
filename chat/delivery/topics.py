"""What one process holds of a thread that its sockets follow: its head, the text that streams."""

from collections import deque
from typing import Final, Protocol

from chat.delivery.bell import ThreadDelta, ThreadEvents, ThreadTyping
from chat.protocol.frames import Delta, TypingElsewhere, encode

# Pieces of text kept while the checkpoint is read: some seconds of a quick answer.
AHEAD_MAX: Final = 200


class Listener(Protocol):
    """One socket's view of one thread."""

    def on_events(self, ring: ThreadEvents) -> None: ...

    def on_text(self, text: "RunText", delta: Delta, frame: str) -> None: ...

    def on_typing(self, connection_id: str, frame: str) -> None: ...


class RunText:
    """The answer of a thread's active run, whole from offset 0, as far as this process knows."""

    __slots__ = ("attempt", "run_id", "text")

    def __init__(self, run_id: str, attempt: int, text: str) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self.text = text


class Topic:
    """A thread in this process: `seen` is the highest seq heard of, `head` the last handed on."""

    __slots__ = (
        "ahead",
        "behind",
        "head",
        "healing",
        "listeners",
        "reading",
        "seen",
        "text",
        "thread_id",
    )

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.listeners: set[Listener] = set()
        self.head: int | None = None
        self.seen = 0
        self.text: RunText | None = None
        # Text arrived that does not join what is held: the checkpoint must be read.
        self.behind = False
        self.ahead: deque[ThreadDelta] = deque(maxlen=AHEAD_MAX)
        self.healing = False
        self.reading = False

    def hear_events(self, ring: ThreadEvents) -> bool:
        """Pass a batch on; False when events before it were missed and the log must be read."""
        self.seen = max(self.seen, ring.last)
        if ring.ends_run:
            self.text = None
            self.behind = False
            self.ahead.clear()
        if self.head is not None and ring.last <= self.head:
            return True
        if self.head is not None and ring.first > self.head + 1:
            return False
        self.head = ring.last
        for listener in tuple(self.listeners):
            listener.on_events(ring)
        return True

    def hear_delta(self, ring: ThreadDelta) -> bool:
        """Join text to what is held and pass it on; False when a piece before it is missing."""
        held = self.text
        if held is not None and held.run_id == ring.run_id and ring.attempt < held.attempt:
            return True
        if held is None or held.run_id != ring.run_id:
            held = RunText(ring.run_id, ring.attempt, "")
        # How much a new attempt keeps of the old one's text, only its first piece tells, and that
        # may be lost: the checkpoint knows.
        joins = len(held.text) if ring.attempt == held.attempt else 0
        if ring.offset > joins:
            self.behind = True
            self.ahead.append(ring)
            return False
        if ring.attempt > held.attempt:
            held.text = ""
            held.attempt = ring.attempt
        fresh = ring.text[len(held.text) - ring.offset :]
        self.text = held
        if fresh:
            self._grow(held, fresh)
        return True

    def hear_typing(self, ring: ThreadTyping) -> None:
        frame = encode(TypingElsewhere(thread_id=self.thread_id, connection_id=ring.connection_id))
        for listener in tuple(self.listeners):
            listener.on_typing(ring.connection_id, frame)

    def heal_text(self, run_id: str, attempt: int, text: str) -> None:
        """Take a checkpoint from the database where it knows more than this process does."""
        held = self.text
        if held is None or held.run_id != run_id:
            self.text = held = RunText(run_id, attempt, "")
        if attempt < held.attempt:
            return
        if attempt > held.attempt:
            held.attempt = attempt
            held.text = held.text[: _agreement(held.text, text)]
        if len(text) > len(held.text):
            self._grow(held, text[len(held.text) :])
        self.behind = False
        waiting, self.ahead = self.ahead, deque(maxlen=AHEAD_MAX)
        for ring in waiting:
            self.hear_delta(ring)

    def _grow(self, held: RunText, fresh: str) -> None:
        delta = Delta(
            thread_id=self.thread_id,
            run_id=held.run_id,
            attempt=held.attempt,
            offset=len(held.text),
            text=fresh,
        )
        held.text += fresh
        frame = encode(delta)
        for listener in tuple(self.listeners):
            listener.on_text(held, delta, frame)


def _agreement(one: str, other: str) -> int:
    """How many characters two texts share from the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
