"""A thread that is listened for before it is stored."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from accounts.models import User
from chat import services
from chat.connection.outbound import Outbound
from chat.connection.subscriber import Subscriber
from chat.database import in_database
from chat.delivery import hub
from chat.services import Outgoing, Posted
from netra.ids import ConnectionID, ThreadID
from tests.chat.sockets import web_process

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


class Reader:
    """A subscriber whose frames are kept."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        connection_id = ConnectionID.new()
        outbound = Outbound(
            connection_id, write=self._write, on_stuck=lambda: None, on_pause=lambda: None
        )
        self.subscriber = Subscriber(
            connection_id,
            hub.current(),
            outbound,
            lambda work: self.tasks.add(asyncio.create_task(work)),
        )

    async def _write(self, frame: str) -> None:
        self.frames.append(msgspec.json.decode(frame))

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for frame in self.frames for event in frame.get("events", [])]


async def posted(user: User, thread_id: str, client_id: str = "c1") -> Posted:
    message = Outgoing(client_id=client_id, text="hello", new_thread_id=thread_id)
    return await in_database(services.post_message, user=user, message=message)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_late", [False, True])
async def test_its_first_event_comes_once_whichever_is_first(user: User, is_late: bool) -> None:
    async with web_process():
        await hub.current().start()
        reader, thread_id = Reader(), ThreadID.new()
        async with reader.subscriber.listening(thread_id):
            stored = await posted(user, thread_id)
            topic = hub.current()._topics[thread_id]
            if is_late:
                await until(lambda: topic.seen)
            assert reader.subscriber.heads() == {}
            await reader.subscriber.follow_own(
                thread=stored.thread, thread_id=thread_id, seq=stored.seq
            )
        await until(lambda: reader.seqs)
        assert (reader.seqs, bool(reader.tasks)) == ([1], is_late)
        assert reader.subscriber.heads() == {thread_id: 1}
        await reader.subscriber.close()


async def test_what_was_not_stored_is_left_again(user: User) -> None:
    async with web_process():
        await hub.current().start()
        reader, thread_id = Reader(), ThreadID.new()
        async with reader.subscriber.listening(thread_id):
            assert hub.current().hears(thread_id)
        assert (reader.subscriber.thread_ids, hub.current().hears(thread_id)) == ([], False)
