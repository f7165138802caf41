"""What a client that keeps the rules of the protocol ends up with."""

import asyncio
import hashlib
from typing import Any

from chat.database import in_database
from chat.models import Message
from netra.client import ChatConnection

Frame = dict[str, Any]

EXPORT = """Where does the money go?

timestamp,model,input_tokens,output_tokens,cost_usd,latency_ms
2026-11-01T10:00:00Z,gpt-4o,1000,500,0.75,900
2026-11-01T11:00:00Z,gpt-4o-mini,2000,100,0.05,300
2026-11-02T10:00:00Z,gpt-4o,3000,900,1.20,1800
"""


class Transcript:
    """One thread as its frames tell it: events by seq, the text of each run by offset."""

    def __init__(self, thread_id: str) -> None:
        self.thread_id = thread_id
        self.events: list[Frame] = []
        self.texts: dict[str, str] = {}
        # How much of it came as deltas, before the log told the whole.
        self.streamed: dict[str, int] = {}
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
        if event["type"] == "message_created" and event["data"]["role"] == "assistant":
            run_id, text = event["run_id"], event["data"]["text"]
            held = self.texts.get(run_id, "")
            assert text.startswith(held), "what was streamed is not what was stored"
            self.texts[run_id], self.streamed[run_id] = text, len(held)

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
    # One limit for all of it: heartbeats come whether or not the event ever does.
    async with asyncio.timeout(within_s):
        while True:
            frame = await connection.next(within_s=within_s)
            transcript.take(frame)
            for event in frame.get("events", ()):
                if event["type"] == until and frame["thread_id"] == transcript.thread_id:
                    found: Frame = event
                    return found


async def ask(
    connection: ChatConnection, text: str, transcript: Transcript | None = None
) -> tuple[Transcript, str]:
    """Send a message, into a new thread without `transcript`; gives the run that will answer."""
    thread_id = transcript.thread_id if transcript else None
    client_id = await connection.send(text, thread_id=thread_id)
    frames = [await connection.next()]
    while frames[-1].get("client_id") != client_id:
        frames.append(await connection.next())
    ack = frames[-1]
    assert ack["type"] == "ack", ack
    transcript = transcript or Transcript(ack["thread_id"])
    for frame in frames:
        transcript.take(frame)
    return transcript, ack["run_id"]


async def follow_text(
    connection: ChatConnection, transcript: Transcript, run_id: str, chars: int
) -> None:
    """Take frames until that run's text has at least `chars` characters."""
    async with asyncio.timeout(60):
        while len(transcript.texts.get(run_id, "")) < chars:
            transcript.take(await connection.next())


def assert_brackets(types: list[str]) -> None:
    """SPEC §7.2 and 7.3: one start first, one end last, every tool call closed."""
    run = [one for one in types if one not in ("run_queued", "message_created")]
    assert run[0] == "agent_started"
    assert run[-1] == "agent_completed"
    assert types.count("agent_started") == types.count("agent_completed") == 1
    assert types.count("tool_executing") == types.count("tool_completed")


def assert_text_is_whole(transcript: Transcript, run_id: str, *, streamed: bool = True) -> str:
    """SPEC §7.4: deltas by offset, the stored message and its hash say the same.

    With `streamed` false the end of the answer may have been missed and come from the log.
    """
    completed = next(
        event["data"]
        for event in transcript.events
        if event["run_id"] == run_id and event["type"] == "message_completed"
    )
    text = transcript.texts[run_id]
    assert transcript.streamed[run_id] == len(text) or not streamed
    assert len(text) == completed["length"]
    assert hashlib.sha256(text.encode()).hexdigest() == completed["sha256"]
    return text


async def stored_text(run_id: str) -> str:
    message = await in_database(
        lambda: Message.objects.get(run__public_id=run_id, role="assistant")
    )
    return message.text
