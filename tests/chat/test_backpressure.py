"""Clients that confirm late, never, or send more than they read."""

import asyncio
import json
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from chat.connection import flow, throttle
from chat.database import in_database
from chat.delivery import log
from chat.models import Thread
from chat.protocol.events import MessageCreated, NewEvent
from tests.chat.sockets import FRAME_WITHIN_S, Socket, session_of, web_process

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

EVENTS = 300
BATCH = 10
TEXT = "x" * 5_000
# Longer than anything takes that is under way.
QUIET_S = 0.5


@pytest.fixture
def session_key(user: User) -> str:
    return session_of(user)


@pytest.fixture
def thread(user: User) -> Thread:
    return Thread.objects.create(user=user)


def say(thread: Thread, count: int) -> None:
    """Put messages into the log as another process would, in batches."""
    messages = [
        NewEvent(data=MessageCreated(message_id=f"msg_1_abcde{number}", role="user", text=TEXT))
        for number in range(BATCH)
    ]
    for _ in range(0, count, BATCH):
        with transaction.atomic():
            log.append(thread=thread.pk, thread_id=thread.public_id, events=messages)


class Reader:
    """A client that counts what it is sent, and confirms when it is told to."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.bytes = 0
        self.seqs: list[int] = []
        self.heads: list[dict[str, int]] = []

    async def join(self, thread: Thread, *, after_seq: int) -> None:
        """Subscribe, and read until the server says that it follows."""
        await self.socket.open()
        await self.socket.send(type="subscribe", thread_id=thread.public_id, after_seq=after_seq)
        while not (self.heads and thread.public_id in self.heads[-1]):
            told = len(self.heads)
            await self.socket.send(type="ping")
            while len(self.heads) == told:
                self._take((await self.socket.output())["text"])
        self.heads.clear()

    async def read_up_to(self, seq: int) -> None:
        """Read and confirm until that one has come."""
        async with asyncio.timeout(FRAME_WITHIN_S):
            while not self.seqs or self.seqs[-1] < seq:
                await self.confirm()
                await self.read(quiet_s=0.1)

    async def read(self, *, quiet_s: float = QUIET_S) -> int | None:
        """Read until nothing comes any more; gives the code when the server closes."""
        while True:
            try:
                output = await self.socket.output(within_s=quiet_s)
            except TimeoutError:
                return None
            if output["type"] == "websocket.close":
                return int(output["code"])
            self._take(output["text"])

    async def confirm(self, *, total: int | None = None) -> None:
        total = self.bytes if total is None else total
        await self.socket.send(type="seen", heads={}, bytes=total)

    def _take(self, text: str) -> None:
        self.bytes += len(text.encode())
        frame: dict[str, Any] = json.loads(text)
        if frame["type"] == "pong":
            self.heads.append(frame["heads"])
        self.seqs += [event["seq"] for event in frame.get("events", ())]


async def following(session_key: str, thread: Thread, *, after_seq: int = 0) -> Reader:
    reader = Reader(Socket(session_key))
    await reader.join(thread, after_seq=after_seq)
    return reader


async def test_a_client_behind_is_written_no_more_and_gets_the_rest_once_it_confirms(
    session_key: str, thread: Thread
) -> None:
    async with web_process():
        reader = await following(session_key, thread)
        await reader.confirm()
        await in_database(say, thread, EVENTS)
        assert await reader.read() is None
        # What was read of the log at once is written before anybody looks again.
        most = flow.UNCONFIRMED_BYTES_MAX + log.READ_BYTES_MAX
        assert flow.UNCONFIRMED_BYTES_MAX < reader.bytes < most
        assert len(reader.seqs) < EVENTS
        assert len(reader.heads) == 1
        await reader.read_up_to(EVENTS)
        assert reader.seqs == list(range(1, EVENTS + 1))
        await reader.socket.leave()


async def test_a_client_that_stays_behind_is_closed_and_may_resume(
    session_key: str, thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.connection.outbound.PAUSE_MAX_S", 0.5)
    async with web_process():
        reader = await following(session_key, thread)
        await reader.confirm()
        await in_database(say, thread, EVENTS)
        assert await reader.read(quiet_s=3) == 4410
        await reader.socket.leave()
        again = await following(session_key, thread, after_seq=reader.seqs[-1])
        await again.read_up_to(EVENTS)
        assert again.seqs == list(range(reader.seqs[-1] + 1, EVENTS + 1))
        await again.socket.leave()


async def test_a_client_that_never_confirms_is_closed_after_what_it_may_have(
    session_key: str, thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "SILENT_BYTES_MAX", 500_000)
    async with web_process():
        reader = await following(session_key, thread)
        await in_database(say, thread, EVENTS)
        assert await reader.read(quiet_s=2) == 4410
        assert reader.seqs == list(range(1, len(reader.seqs) + 1))
        assert 400_000 < reader.bytes < 700_000
        await reader.socket.leave()


async def test_answers_come_while_threads_wait(session_key: str, thread: Thread) -> None:
    async with web_process():
        reader = await following(session_key, thread)
        await reader.confirm(total=0)
        await in_database(say, thread, EVENTS)
        await reader.read()
        # A snapshot has to wait, too, and what is behind it has not.
        await reader.socket.send(type="subscribe", thread_id=thread.public_id, after_seq=None)
        await reader.socket.send(type="send", client_id="c1", text="hello")
        assert (await reader.socket.frame("ack"))["client_id"] == "c1"
        await reader.socket.leave()


async def test_a_flood_of_malformed_frames_is_answered_frame_by_frame(session_key: str) -> None:
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        await socket.frame("ready")
        for _ in range(3_000):
            await socket.send_text("{")
        for _ in range(3_000):
            assert (await socket.frame("error"))["code"] == "invalid_json"
        await socket.send(type="ping")
        await socket.frame("pong")
        await socket.leave()


async def test_a_flood_without_end_is_too_fast(
    session_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert throttle.BURST_FRAMES == 20_000
    monkeypatch.setattr(throttle, "BURST_FRAMES", 2_000)
    async with web_process():
        socket = Socket(session_key)
        await socket.open()
        await socket.frame("ready")
        for _ in range(4_000):
            await socket.send_text('{"type":"typing","thread_id":"x"')
        assert await socket.close_code() == 4429
        await socket.leave()


async def test_typing_reaches_the_other_connections_of_the_thread_and_nobody_else(
    make_user: Callable[[], User], user: User, session_key: str, thread: Thread
) -> None:
    async with web_process():
        one, two = [await following(session_key, thread) for _ in range(2)]
        for _ in range(3):
            await one.socket.send(type="typing", thread_id=thread.public_id)
        typing = await two.socket.frame("typing")
        assert typing["thread_id"] == thread.public_id
        await one.socket.send(type="ping")
        assert await one.socket.frame("pong")
        await one.socket.send(type="typing", thread_id="thread_1_abcdef")
        assert (await one.socket.frame("error"))["code"] == "not_found"
        rest = await asyncio.gather(
            *(reader.socket.leave() for reader in (one, two)), return_exceptions=True
        )
        assert list(chain(rest)) == [None, None]
