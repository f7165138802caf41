"""One socket's threads: where each goes on from, and what is left of one that is left."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from django.db import transaction

from accounts.models import User
from chat import services
from chat.connection.flow import UNCONFIRMED_BYTES_MAX
from chat.connection.outbound import Outbound
from chat.connection.subscriber import REPLAY_DEPTH_MAX, Subscriber
from chat.database import in_database
from chat.delivery import hub, log
from chat.models import Thread
from chat.protocol.events import AgentThinking, NewEvent
from chat.services import Outgoing, Posted
from netra.ids import ConnectionID, ThreadID
from tests.chat.sockets import web_process

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


FILLER = f'{{"filler":"{"x" * UNCONFIRMED_BYTES_MAX}"}}'


class Reader:
    """A subscriber whose frames are kept."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        connection_id = ConnectionID.new()
        self.outbound = Outbound(
            connection_id, write=self._write, on_stuck=lambda: None, on_pause=lambda: None
        )
        self.subscriber = Subscriber(connection_id, hub.current(), self.outbound, self._spawn)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    def fall_behind(self) -> None:
        """Confirm nothing of more than goes unconfirmed: what threads say has to wait."""
        self.outbound.confirm(0)
        self.outbound.put(FILLER)
        assert not self.outbound.put_thread(FILLER)

    async def told(self, thread: Thread, after_seq: int | None) -> list[dict[str, Any]]:
        """All that comes in answer to a subscription."""
        self.frames.clear()
        await self.subscriber.subscribe(
            thread=thread.pk, thread_id=thread.public_id, after_seq=after_seq
        )
        await asyncio.wait(self.tasks)
        await self.outbound.drained()
        return self.frames

    async def _write(self, frame: str) -> None:
        self.frames.append(msgspec.json.decode(frame))

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for frame in self.frames for event in frame.get("events", [])]


def thread_of(user: User, events: int) -> Thread:
    thread = Thread.objects.create(user=user)
    thoughts = [NewEvent(data=AgentThinking(text="x"))] * events
    with transaction.atomic():
        log.append(thread=thread.pk, thread_id=thread.public_id, events=thoughts)
    return thread


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
            # On a busy machine its event may come first without being told to.
            is_heard = topic.seen > 0
            await reader.subscriber.follow_own(
                thread=stored.thread, thread_id=thread_id, seq=stored.seq
            )
        await until(lambda: reader.seqs)
        assert (reader.seqs, bool(reader.tasks)) == ([1], is_heard)
        assert is_heard or not is_late
        assert reader.subscriber.heads() == {thread_id: 1}
        await reader.subscriber.close()


async def test_what_was_not_stored_is_left_again(user: User) -> None:
    async with web_process():
        await hub.current().start()
        reader, thread_id = Reader(), ThreadID.new()
        async with reader.subscriber.listening(thread_id):
            assert hub.current().hears(thread_id)
        assert (reader.subscriber.thread_ids, hub.current().hears(thread_id)) == ([], False)


async def test_who_is_further_behind_than_a_replay_goes_gets_the_thread_as_it_stands(
    user: User,
) -> None:
    head = REPLAY_DEPTH_MAX + 5
    thread = await in_database(thread_of, user, head)
    async with web_process():
        await hub.current().start()
        reader = Reader()
        for after in (0, 4, head + 1, None):
            [snapshot] = await reader.told(thread, after)
            assert (snapshot["type"], snapshot["seq"]) == ("snapshot", head)
        for after in (5, 6, head - 1, head):
            await reader.told(thread, after)
            assert reader.seqs == list(range(after + 1, head + 1))
            assert {frame["type"] for frame in reader.frames} <= {"events"}
        assert reader.subscriber.heads() == {thread.public_id: head}
        await reader.subscriber.close()


async def test_subscriptions_that_wait_for_room_are_gone_once_they_are_left(user: User) -> None:
    thread = await in_database(thread_of, user, 3)
    async with web_process():
        await hub.current().start()
        reader = Reader()
        reader.fall_behind()
        for _ in range(20):
            await reader.subscriber.subscribe(
                thread=thread.pk, thread_id=thread.public_id, after_seq=None
            )
            # So that it begins to wait.
            await asyncio.sleep(0)
        await until(lambda: sum(not task.done() for task in reader.tasks) == 1)
        await reader.subscriber.close()
        await until(lambda: all(task.done() for task in reader.tasks))
        await reader.outbound.close()


async def test_a_thread_that_is_deleted_while_it_is_waited_for_ends_the_waiting(user: User) -> None:
    thread = await in_database(thread_of, user, 3)
    async with web_process():
        await hub.current().start()
        for after in (None, 0):
            reader = Reader()
            reader.fall_behind()
            await reader.subscriber.subscribe(
                thread=thread.pk, thread_id=thread.public_id, after_seq=after
            )
            thread = await in_database(deleted, thread)
            reader.outbound.confirm(len(FILLER))
            [waiting] = reader.tasks
            await waiting
            assert reader.seqs == []
            await reader.subscriber.close()


def deleted(thread: Thread) -> Thread:
    """Delete it; gives another one of its user."""
    thread.delete()
    return thread_of(thread.user, 3)
