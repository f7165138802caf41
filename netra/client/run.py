"""The answer of one run as its deltas and events tell it."""

import hashlib
from typing import Final

from netra.client.frames import Delta, Event

ENDED: Final = frozenset({"completed", "stopped", "failed", "limit"})


class Run:
    """One run; `text` grows by offset until the log tells the whole of it."""

    __slots__ = ("attempt", "is_whole", "message_id", "run_id", "status", "text")

    def __init__(self, run_id: str, *, status: str = "running") -> None:
        self.run_id = run_id
        self.status = status
        # Of the text: the first delta of a higher attempt cuts it.
        self.attempt = 0
        self.text = ""
        self.message_id: str | None = None
        self.is_whole = False

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def take_delta(self, delta: Delta) -> bool:
        """Join text to what is held; False when a piece before it is missing."""
        if self.is_whole or self.has_ended or delta.attempt < self.attempt:
            return True
        if delta.offset > len(self.text):
            return False
        held = self.text[: delta.offset] if delta.attempt > self.attempt else self.text
        self.text = held + delta.text[len(held) - delta.offset :]
        self.attempt = delta.attempt
        return True

    def take_whole(self, text: str, message_id: str | None) -> None:
        """Take the stored answer, whatever was streamed of it."""
        self.text = text
        self.message_id = message_id
        self.is_whole = True

    def take_event(self, event: Event) -> bool:
        """Follow one event of the log; False when the text does not fit what it says."""
        data = event.data
        match event.type:
            case "run_queued":
                self.status = "queued"
            case "agent_started" | "run_resumed" | "approval_resolved":
                self.status = "running"
            case "approval_required":
                self.status = "waiting"
            case "message_created" if data.get("role") == "assistant":
                self.take_whole(str(data.get("text", "")), data.get("message_id"))
            case "message_completed":
                return self._fits(data.get("length"), data.get("sha256"))
            case "agent_completed":
                self.status = str(data.get("status"))
        return True

    def _fits(self, length: object, sha256: object) -> bool:
        digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()
        return (len(self.text), digest) == (length, sha256)
