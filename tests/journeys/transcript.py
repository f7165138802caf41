"""What a client that keeps the rules of the protocol ends up with."""

import hashlib
from typing import Any

from netra.client import ChatConnection

Frame = dict[str, Any]


class Transcript:
    """One thread as its frames tell it: events by seq, the text of each run by offset."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.events: list[Frame] = []
        self.texts: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.last = 0

    def take(self, frame: Frame) -> None:
        if frame.get("thread_id") != self.thread_id:
            return
        if frame["type"] == "snapshot":
            self.last = frame["seq"]
        elif frame["type"] == "events":
            for event in frame["events"]:
                self._take_event(event)
        elif frame["type"] == "delta":
            self._take_delta(frame)

    def types(self, run_id: str) -> list[str]:
        return [event["type"] for event in self.events if event["run_id"] == run_id]

    def _take_event(self, event: Frame) -> None:
        if event["seq"] <= self.last:
            return
        assert event["seq"] == self.last + 1, "the log has a hole"
        self.last = event["seq"]
        self.events.append(event)

    def _take_delta(self, delta: Frame) -> None:
        run_id, offset = delta["run_id"], delta["offset"]
        held = self.texts.get(run_id, "")
        attempt = self.attempts.setdefault(run_id, delta["attempt"])
        if delta["attempt"] > attempt:
            self.attempts[run_id] = delta["attempt"]
            held = held[:offset]
        assert offset <= len(held), "the text has a hole"
        self.texts[run_id] = held + delta["text"][len(held) - offset :]


async def follow(
    connection: ChatConnection, transcript: Transcript, until: str, *, within_s: float = 60
) -> Frame:
    """Take frames until an event of type `until` is among them; gives that event."""
    while True:
        frame = await connection.next(within_s=within_s)
        transcript.take(frame)
        for event in frame.get("events", ()):
            if event["type"] == until and frame["thread_id"] == transcript.thread_id:
                found: Frame = event
                return found


async def follow_text(connection: ChatConnection, transcript: Transcript, chars: int) -> str:
    """Take frames until a run's text has at least `chars` characters; gives the run's id."""
    while True:
        transcript.take(await connection.next(within_s=60))
        for run_id, text in transcript.texts.items():
            if len(text) >= chars:
                return run_id


def assert_brackets(types: list[str]) -> None:
    """SPEC §7.2 and 7.3: one start first, one end last, every tool call closed."""
    run = [one for one in types if one not in ("run_queued", "message_created")]
    assert run[0] == "agent_started"
    assert run[-1] == "agent_completed"
    assert types.count("agent_started") == types.count("agent_completed") == 1
    assert types.count("tool_executing") == types.count("tool_completed")


def assert_text_is_whole(transcript: Transcript, run_id: str) -> str:
    """SPEC §7.4: deltas by offset, the stored message and its hash say the same."""
    completed = next(
        event["data"]
        for event in transcript.events
        if event["run_id"] == run_id and event["type"] == "message_completed"
    )
    created = next(
        event["data"]
        for event in transcript.events
        if event["run_id"] == run_id and event["type"] == "message_created"
    )
    text = transcript.texts[run_id]
    assert text == created["text"]
    assert len(text) == completed["length"]
    assert hashlib.sha256(text.encode()).hexdigest() == completed["sha256"]
    return text
