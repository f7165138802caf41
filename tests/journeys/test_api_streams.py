"""A thread followed by SSE over HTTP: from a position, live, and no longer than the token holds."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from accounts import own_tokens
from accounts.models import ApiToken, TokenScope
from chat.database import in_database
from netra.client import ChatClient
from tests.chat.api_people import pays
from tests.journeys.conftest import Person
from tests.servers import Servers

pytestmark = [pytest.mark.django_db, pytest.mark.asyncio]


def made(person: Person) -> tuple[ApiToken, str]:
    pays(person.user)
    return own_tokens.create_token(user=person.user, name="test", scope=TokenScope.WRITE)


@asynccontextmanager
async def followed(
    servers: Servers, thread_id: str, token: str, **headers: str
) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.port, limit=2**20)
    lines = [
        f"GET /api/threads/{thread_id}/events HTTP/1.1",
        f"Host: 127.0.0.1:{servers.port}",
        f"Authorization: Bearer {token}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    yield reader
    writer.close()


async def seqs_until(reader: asyncio.StreamReader, last: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(20):
        while last not in found:
            line = await reader.readline()
            if line.startswith(b"data:"):
                found += [event["seq"] for event in json.loads(line[5:]).get("events", ())]
    # What came in one frame with it is of no matter here.
    return [seq for seq in found if seq <= last]


async def test_a_stream_goes_on_where_it_was_and_ends_with_its_token(
    shared: Servers, visitor: Person
) -> None:
    token, text = await in_database(made, visitor)
    async with ChatClient(shared.base_url, token=text) as client:
        ack = await client.send("hello")
        async for event in client.events(ack.thread_id):
            if event.type == "agent_completed":
                break
        head = event.seq
        async with followed(shared, ack.thread_id, text, Last_Event_ID="2") as reader:
            assert await seqs_until(reader, head) == list(range(3, head + 1))
            again = await client.send("again", thread_id=ack.thread_id)
            assert again.seq is not None
            assert await seqs_until(reader, again.seq) == list(range(head + 1, again.seq + 1))
            await in_database(own_tokens.revoke_token, user=visitor.user, number=token.pk)
            revoked_at = time.monotonic()
            # To the end of the answer: the server closes it.
            rest = await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 10)
        assert b"access_ended" in rest
        assert time.monotonic() - revoked_at < 2
