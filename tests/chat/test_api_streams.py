"""Events by SSE, and the socket that a token opens: from the log, live, and until they end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from django.db import transaction

from accounts import own_tokens, tokens
from accounts.models import ApiToken, TokenScope, User
from billing import services as billing
from billing.models import Grant
from chat import services
from chat.api import streams
from chat.api.doors import Caller
from chat.api.problems import Problem
from chat.api.streams import FrameForm, Position, ThreadStream
from chat.connection import open_streams
from chat.consumers import NODE
from chat.database import in_database
from chat.delivery import hub, log, trace
from chat.models import DeliveryStep, Thread
from chat.protocol.events import AgentCompleted, NewEvent, RunQueued
from chat.services import Posted
from netra.ids import RunID
from tests.chat.sockets import Socket, until, web_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


def made(user: User, scope: TokenScope = TokenScope.WRITE) -> tuple[ApiToken, str]:
    return own_tokens.create_token(user=user, name="test", scope=scope)


def asked(user: User, client_id: str = "c1", thread_id: str | None = None) -> Posted:
    message = services.Outgoing(client_id=client_id, text="hello", thread_id=thread_id)
    return services.post_message(user=user, message=message)


def happens(posted: Posted, *data: Any, run_id: str | None = None) -> None:
    events = [NewEvent(data=one, run_id=run_id) for one in data]
    with transaction.atomic():
        log.append(thread=posted.thread, thread_id=posted.thread_id, events=events)


def progress(position: int) -> RunQueued:
    return RunQueued(message_id="msg_1_something", position=position)


class Reader:
    """What a client makes of a stream: its messages, as they come."""

    def __init__(self, stream: ThreadStream) -> None:
        self._chunks: AsyncIterator[str] = stream.messages()
        self._held: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        while not self._held:
            async with asyncio.timeout(10):
                chunk = await anext(self._chunks)
            self._held = [_parsed(part) for part in chunk.split("\n\n") if part]
        return self._held.pop(0)

    async def seqs(self, last: int) -> list[int]:
        found: list[int] = []
        while last not in found:
            message = await self.next()
            found += [event["seq"] for event in message.get("events", ())]
        return found

    async def until_end(self) -> str:
        while (message := await self.next()).get("event") != "end":
            continue
        return str(message["code"])

    async def leave(self) -> None:
        await self._chunks.aclose()  # type: ignore[attr-defined]  # it is a generator


def _parsed(part: str) -> dict[str, Any]:
    fields = dict(line.split(": ", 1) for line in part.splitlines() if not line.startswith(":"))
    data = msgspec.json.decode(fields["data"]) if "data" in fields else {}
    return {"event": fields.get("event"), "id": fields.get("id"), **data}


def stream_of(
    user: User, posted: Posted, *, after: int | None, key: str, until_run: str | None = None
) -> ThreadStream:
    position = Position(thread=posted.thread, thread_id=posted.thread_id, after_seq=after)
    return ThreadStream(Caller(user=user, key=key), position, FrameForm(until_run=until_run))


@pytest_asyncio.fixture
async def key(payer: User) -> str:
    """What a stream of theirs is let in by, for as long as it lasts."""
    return tokens.key_in(f"Bearer {(await in_database(made, payer))[1]}")


async def test_a_reader_gets_what_was_and_what_comes_each_once(payer: User) -> None:
    posted = await in_database(asked, payer)
    token, text = await in_database(made, payer)
    async with web_process():
        reader = Reader(stream_of(payer, posted, after=0, key=tokens.key_in(f"Bearer {text}")))
        first = await reader.next()
        assert (first["event"], first["id"]) == ("events", "1")
        for n in range(1, 4):
            await in_database(happens, posted, progress(n), progress(n))
        assert await reader.seqs(7) == [2, 3, 4, 5, 6, 7]
        await reader.leave()
        # Where it left off, it goes on.
        again = Reader(stream_of(payer, posted, after=5, key=tokens.key_in(f"Bearer {text}")))
        assert await again.seqs(7) == [6, 7]
        await in_database(own_tokens.revoke_token, user=payer, number=token.pk)
        assert (await again.next())["code"] == "access_ended"
        await again.leave()
        await until(lambda: not open_streams.OPEN)


async def test_a_reader_without_a_position_gets_the_thread_as_it_stands(
    payer: User, key: str
) -> None:
    posted = await in_database(asked, payer)
    async with web_process():
        reader = Reader(stream_of(payer, posted, after=None, key=key))
        snapshot = await reader.next()
        assert (snapshot["event"], snapshot["id"]) == ("snapshot", "1")
        assert [one["text"] for one in snapshot["messages"]] == ["hello"]
        open_streams.end_all()
        assert (await reader.next())["code"] == "drain"
        await reader.leave()


async def test_the_way_of_a_message_to_a_reader_is_traced(
    payer: User, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "WRITE_EVERY_S", 0.1)
    posted = await in_database(asked, payer)

    def steps(seq: int) -> set[str]:
        found = DeliveryStep.objects.filter(thread_id=posted.thread_id, seq=seq)
        return set(found.values_list("step", flat=True))

    async with web_process():
        reader = Reader(stream_of(payer, posted, after=0, key=key))
        await reader.seqs(posted.seq)
        live = await in_database(asked, payer, "c2", posted.thread_id)
        await reader.seqs(live.seq)
        # A server asks for more when it has taken what there was.
        following = asyncio.create_task(reader.until_end())
        await until(lambda: steps(live.seq) == {"published", "sent", "acknowledged"})
        assert await in_database(steps, posted.seq) >= {"sent", "acknowledged"}
        open_streams.end_all()
        assert await following == "drain"
        await reader.leave()


async def test_an_operators_drain_sends_readers_elsewhere_too(payer: User, key: str) -> None:
    posted = await in_database(asked, payer)
    async with web_process():
        NODE.begin(hub.current())
        reader = Reader(stream_of(payer, posted, after=0, key=key))
        await reader.next()
        try:
            await NODE.drain(within_s=0)
            assert (await reader.next())["code"] == "drain"
            # Nor does who comes later hold the process up.
            late = Reader(stream_of(payer, posted, after=0, key=key))
            assert await late.until_end() == "drain"
        finally:
            NODE.draining = False
        await reader.leave()
        await late.leave()
        assert not open_streams.OPEN


async def test_who_has_many_streams_open_is_told_to_close_one(payer: User, key: str) -> None:
    posted = await in_database(asked, payer)
    async with web_process():
        readers = [
            Reader(stream_of(payer, posted, after=0, key=key))
            for _ in range(streams.STREAMS_PER_USER_MAX)
        ]
        for reader in readers:
            await reader.next()
        with pytest.raises(Problem, match="too_many_streams"):
            streams.answer(stream_of(payer, posted, after=0, key=key))
        for reader in readers:
            await reader.leave()
        assert streams.answer(stream_of(payer, posted, after=0, key=key)).status_code == 200


async def test_a_stream_that_answers_ends_with_its_run_and_no_other(payer: User, key: str) -> None:
    posted = await in_database(asked, payer)
    ended = AgentCompleted(status="completed", message_id=None, usage={})
    async with web_process():
        reader = Reader(stream_of(payer, posted, after=0, key=key, until_run=posted.run_id))
        await in_database(happens, posted, ended, run_id=RunID.new())
        await in_database(happens, posted, ended, run_id=posted.run_id)
        assert await reader.seqs(3) == [1, 2, 3]
        assert (await reader.next())["code"] == "completed"
        await reader.leave()


async def test_losing_api_access_ends_streams_and_sockets_of_tokens(payer: User) -> None:
    posted = await in_database(asked, payer)
    _token, text = await in_database(made, payer)
    async with web_process():
        reader = Reader(stream_of(payer, posted, after=0, key=tokens.key_in(f"Bearer {text}")))
        await reader.next()
        socket = Socket("", headers={"authorization": f"Bearer {text}", "origin": ""})
        await socket.open()
        assert (await socket.frame("ready"))["user"]["email"] == payer.email
        grant = await in_database(Grant.objects.get, user=payer)
        await in_database(billing.revoke, grant=grant, reason="over", actor=None)
        assert (await reader.next())["code"] == "access_ended"
        assert await socket.close_code() == 4503
        await socket.leave()
        await reader.leave()


async def test_a_socket_of_a_token_that_reads_refuses_to_write(payer: User) -> None:
    posted = await in_database(asked, payer)
    token, text = await in_database(made, payer, TokenScope.READ)
    async with web_process():
        socket = Socket("", headers={"authorization": f"Bearer {text}", "origin": ""})
        await socket.open()
        await socket.frame("ready")
        await socket.send(type="subscribe", thread_id=posted.thread_id, after_seq=0)
        assert (await socket.frame("events"))["events"][0]["seq"] == 1
        await socket.send(type="send", client_id="c2", text="no", thread_id=posted.thread_id)
        assert (await socket.frame("error"))["code"] == "read_only"
        await in_database(own_tokens.revoke_token, user=payer, number=token.pk)
        assert await socket.close_code() == 4501
        await socket.leave()
    assert await in_database(Thread.objects.count) == 1


async def test_a_token_that_is_none_opens_no_socket_whatever_the_cookie(payer: User) -> None:
    async with web_process():
        for header in ("Bearer nt_" + "a" * 43, "Bearer", "Basic x"):
            socket = Socket("", headers={"authorization": header, "origin": ""})
            await socket.open()
            assert await socket.close_code() == 4501
            await socket.leave()
