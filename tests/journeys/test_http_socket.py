"""The socket over HTTP: the same protocol where WebSockets are blocked, on any web process."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.models import User
from accounts.services import end_access
from billing.models import Reservation
from chat.database import in_database
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]
CSRF = "c" * 32


def end_all_sessions(user: User) -> None:
    User.objects.filter(pk=user.pk).update(session_generation=1)
    end_access(user=user)


def headers_of(servers: Servers, cookie: str, **more: str) -> dict[str, str]:
    return {
        "Host": f"127.0.0.1:{servers.port}",
        "Origin": servers.base_url,
        "Cookie": f"{cookie}; csrftoken={CSRF}",
        "X-CSRFToken": CSRF,
        **more,
    }


@dataclass
class Stream:
    """One socket over HTTP, opened at a server; frames may go to another one."""

    reader: asyncio.StreamReader
    cookie: str
    connection_id: str = ""

    async def message(self) -> tuple[str, dict[str, Any]]:
        """The next message: its event, and what it carries."""
        event = "message"
        async with asyncio.timeout(20):
            while line := (await self.reader.readline()).decode():
                name, _, value = line.strip().partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    return event, json.loads(value)
        raise EOFError

    async def frame(self, kind: str) -> dict[str, Any]:
        while True:
            _event, frame = await self.message()
            if frame.get("type") == kind:
                return frame

    async def send(self, servers: Servers, *frames: object, cookie: str | None = None) -> int:
        body = "\n".join(json.dumps(frame) for frame in frames)
        path = f"/api/socket/{self.connection_id}/"
        headers = headers_of(servers, cookie or self.cookie)
        return await asyncio.to_thread(_post, servers.port, path, body, headers)


def _post(port: int, path: str, body: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


@asynccontextmanager
async def stream(servers: Servers, cookie: str) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.port, limit=2**20)
    lines = [f"{name}: {value}" for name, value in headers_of(servers, cookie).items()]
    head = ["POST /api/socket/ HTTP/1.1", *lines, "Content-Length: 0"]
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    opened = Stream(reader, cookie)
    try:
        yield opened
    finally:
        writer.close()


async def test_a_question_is_answered_whichever_process_takes_the_frames(
    either: Servers, shared: Servers, visitor: Person
) -> None:
    async with stream(either, visitor.cookie(either)) as opened:
        welcome = await opened.frame("welcome")
        opened.connection_id = welcome["connection_id"]
        question = {"type": "send", "client_id": "one", "text": "What is 6 * 7?"}
        assert await opened.send(shared, question, {"type": "ping"}) == 204
        ready = await opened.frame("ready")
        assert ready["user"]["email"] == visitor.email
        ack = await opened.frame("ack")
        seqs, text = [], ""
        while "agent_completed" not in text:
            batch = await opened.frame("events")
            seqs += [event["seq"] for event in batch["events"]]
            text = json.dumps(batch)
        assert seqs == list(range(1, len(seqs) + 1))
        assert await opened.send(shared, question) == 204
        again = await opened.frame("ack")
        assert (again["message_id"], again["duplicate"]) == (ack["message_id"], True)


async def test_nobody_else_sends_on_it_and_a_foreign_page_opens_none(
    shared: Servers, visitor: Person, other_visitor: Person
) -> None:
    mine, stranger = visitor.cookie(shared), other_visitor.cookie(shared)
    async with stream(shared, mine) as opened:
        opened.connection_id = (await opened.frame("welcome"))["connection_id"]
        ping = {"type": "ping"}
        assert await opened.send(shared, ping, cookie=stranger) == 410
        assert await opened.send(shared, ping, cookie="x=1") == 410
        for wrong in ("conn_1_zzzzzz", "nothing"):
            other = Stream(opened.reader, mine, wrong)
            assert await other.send(shared, ping) == 410
    forged = {"Origin": "https://evil.example", "Content-Length": "0"}
    for headers in (
        headers_of(shared, mine, **forged),
        headers_of(shared, mine) | {"X-CSRFToken": "d" * 32},
    ):
        assert await asyncio.to_thread(_post, shared.port, "/api/socket/", "", headers) == 403


async def test_a_session_that_ends_closes_it_and_a_client_that_vanishes_frees_its_place(
    shared: Servers, visitor: Person
) -> None:
    def places() -> int:
        return Reservation.objects.filter(user=visitor.user, state="held").count()

    async with stream(shared, visitor.cookie(shared)) as opened:
        await opened.frame("ready")
        assert await in_database(places) == 1
    async with asyncio.timeout(10):
        while await in_database(places):
            await asyncio.sleep(0.05)
    async with stream(shared, visitor.cookie(shared)) as opened:
        await opened.frame("ready")
        await in_database(end_all_sessions, visitor.user)
        while True:
            event, told = await opened.message()
            if event == "close":
                break
        assert told["code"] == 4501


async def test_without_a_session_it_is_closed_with_the_sockets_own_code(shared: Servers) -> None:
    async with stream(shared, "nobody=1") as opened:
        await opened.frame("welcome")
        assert await opened.message() == (
            "close",
            {"code": 4501, "reason": "sign in first, the session has ended"},
        )
