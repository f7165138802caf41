"""The server that is tried, and what has been seen of it."""

import asyncio
import http.client
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from netra.client import ChatConnection, Closed, sign_in

Frame = dict[str, Any]

WITHIN_S: Final = 60.0
# A place of a connection that has just closed is free in a moment.
PLACE_FREE_WITHIN_S: Final = 10.0
PLACE_ASKED_EVERY_S: Final = 0.3
TOO_MANY_CONNECTIONS: Final = 4529
# Frames of all connections so far, that their shapes are looked at; the last ones of a long trial.
FRAMES_KEPT_MAX: Final = 10_000
COME_BACK_LATER: Final = 1013
# A question that a tool answers and one whose answer takes seconds, where no model is connected.
QUESTION: Final = "What is 18.5% of 12,480?"
SLOW_QUESTION: Final = "/demo"
# One whose tool needs an approval.
APPROVAL_QUESTION: Final = "/demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in."""

    email: str
    password: str


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One question and its whole answer, frame by frame as they came."""

    ack: Frame
    frames: list[Frame]

    @property
    def thread_id(self) -> str:
        return str(self.ack["thread_id"])

    @property
    def run_id(self) -> str:
        return str(self.ack["run_id"])

    @property
    def events(self) -> list[Frame]:
        return [event for frame in self.frames for event in frame.get("events", ())]

    def of_type(self, kind: str) -> list[Frame]:
        return [event for event in self.events if event["type"] == kind]


@dataclass(slots=True, kw_only=True)
class Subject:
    """One server, one person who signs in to it, perhaps a second one."""

    url: str
    person: Person
    other: Person | None = None
    # One whose answer takes seconds.
    slow_question: str = SLOW_QUESTION
    approval_question: str = APPROVAL_QUESTION
    # By address; who is not in it signs in first.
    cookies: dict[str, str] = field(default_factory=dict)
    frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=FRAMES_KEPT_MAX))
    _conversation: Conversation | None = None

    async def cookie(self, person: Person | None = None) -> str:
        who = person or self.person
        if who.email not in self.cookies:
            self.cookies[who.email] = await asyncio.to_thread(
                sign_in, self.url, email=who.email, password=who.password
            )
        return self.cookies[who.email]

    def sign_out(self, cookie: str) -> None:
        """End the session; blocks."""
        parts = urlsplit(self.url)
        is_safe = parts.scheme == "https"
        make = http.client.HTTPSConnection if is_safe else http.client.HTTPConnection
        connection = make(parts.netloc, timeout=WITHIN_S)
        fields = dict(part.partition("=")[::2] for part in cookie.split("; "))
        headers = {
            "Cookie": cookie,
            "X-CSRFToken": fields.get("csrftoken", ""),
            "Referer": f"{self.url}/",
        }
        try:
            connection.request("POST", "/accounts/logout/", headers=headers)
            status = connection.getresponse().status
        finally:
            connection.close()
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"signing out was answered {status}")

    @asynccontextmanager
    async def ready(self, person: Person | None = None) -> AsyncIterator[ChatConnection]:
        """A connection that has become ready; waits for a place where all are taken."""
        async with asyncio.timeout(PLACE_FREE_WITHIN_S) as patience:
            while True:
                opened = ChatConnection.open(self.url, cookie=await self.cookie(person))
                async with opened as socket:
                    try:
                        await socket.until("ready", within_s=WITHIN_S)
                    except Closed as closed:
                        if closed.code not in (TOO_MANY_CONNECTIONS, COME_BACK_LATER):
                            raise
                    else:
                        patience.reschedule(None)
                        try:
                            yield socket
                        finally:
                            self.frames.extend(socket.received)
                        return
                await asyncio.sleep(PLACE_ASKED_EVERY_S)

    async def conversation(self) -> Conversation:
        """A finished conversation, the same for all checks: messages a minute are limited."""
        if self._conversation is None:
            async with self.ready() as socket:
                ack = await ask(socket, QUESTION)
                frames = await until_completed(socket, str(ack["run_id"]))
            self._conversation = Conversation(ack=ack, frames=frames)
        return self._conversation


async def ask(socket: ChatConnection, text: str, **fields: Any) -> Frame:
    """Send a message; gives its ack, after the wait that a limit asks for."""
    return await done(socket, **({"type": "send", "text": text, "thread_id": None} | fields))


async def caught_up(socket: ChatConnection) -> None:
    """Wait until the server has taken every frame so far, and what it had to say has come."""
    # Frames are answered in order, pings at once: this answer tells that those before were taken.
    await error_for(socket, {"type": "subscribe", "thread_id": "nonsense", "after_seq": 0})


async def done(socket: ChatConnection, **frame: Any) -> Frame:
    """Send a frame; gives its ack, after the wait that a limit asks for."""
    client_id = secrets.token_hex(12)
    while True:
        await socket.put(client_id=client_id, **frame)
        error = await refusal(socket, client_id)
        if error is None:
            return next(one for one in socket.received[::-1] if one.get("client_id") == client_id)
        if error.get("retry_after_s") is None:
            raise RuntimeError(f"{frame['type']} was refused: {error['code']} {error['message']}")
        await asyncio.sleep(error["retry_after_s"])


async def answer_to(socket: ChatConnection, client_id: str) -> Frame:
    """The final answer to a frame: its ack or error."""
    return await socket.until(
        lambda frame: frame["type"] in ("ack", "error") and frame.get("client_id") == client_id,
        within_s=WITHIN_S,
    )


async def refusal(socket: ChatConnection, client_id: str) -> Frame | None:
    """The error that a frame is answered with; None when it is acknowledged."""
    answer = await answer_to(socket, client_id)
    return answer if answer["type"] == "error" else None


async def stop_all(socket: ChatConnection, *run_ids: str) -> None:
    """Stop runs and wait for their ends, so that the next check finds a free place."""
    for run_id in run_ids:
        await socket.stop(run_id)
        await until_completed(socket, run_id)


async def error_for(socket: ChatConnection, frame: Frame | str | bytes) -> Frame:
    """The error that a frame without a client_id is answered with."""
    await socket.put_raw(json.dumps(frame) if isinstance(frame, dict) else frame)
    return await socket.until("error", within_s=WITHIN_S)


async def heads(socket: ChatConnection) -> dict[str, int]:
    """What the server says of the threads it follows for this connection."""
    await socket.put(type="ping")
    pong = await socket.until("pong", within_s=WITHIN_S)
    told: dict[str, int] = pong["heads"]
    return told


async def until_begun(socket: ChatConnection, run_id: str) -> None:
    """Wait until a worker has taken the run, unless one has already."""
    while not any(
        (event["type"], event["run_id"]) == ("agent_started", run_id) for event in socket.events()
    ):
        await socket.next(within_s=WITHIN_S)


async def until_streamed(socket: ChatConnection, run_id: str) -> None:
    """Wait for the next piece of its answer, or its end."""
    await socket.until(
        lambda frame: frame["type"] == "delta" or ends(frame, run_id), within_s=WITHIN_S
    )


async def until_completed(socket: ChatConnection, run_id: str) -> list[Frame]:
    """All frames received so far and on, until the run has ended."""
    if not any(ends(frame, run_id) for frame in socket.received):
        await socket.until(lambda frame: ends(frame, run_id), within_s=WITHIN_S)
    return list(socket.received)


async def close_code(socket: ChatConnection) -> int:
    """Read until the server closes; gives the code."""
    try:
        await socket.until("never", within_s=WITHIN_S)
    except Closed as closed:
        return closed.code
    raise AssertionError("`until` ends only by an exception")


def ends(frame: Frame, run_id: str) -> bool:
    events = frame.get("events", ())
    return any(one["type"] == "agent_completed" and one["run_id"] == run_id for one in events)


def text_of(frames: list[Frame], run_id: str) -> str:
    """A run's answer put together from its deltas by offset, ignoring what is held already."""
    text, attempt = "", 0
    for frame in frames:
        if frame["type"] != "delta" or frame["run_id"] != run_id or frame["attempt"] < attempt:
            continue
        if frame["attempt"] > attempt:
            text = text[: frame["offset"]]
        attempt = frame["attempt"]
        if frame["offset"] > len(text):
            raise AssertionError(f"text from {len(text)} to {frame['offset']} is missing")
        text += frame["text"][len(text) - frame["offset"] :]
    return text
