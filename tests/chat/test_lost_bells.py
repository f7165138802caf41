"""Bells that are lost, doubled and out of order, sockets that come, go and stop reading: no gap."""

import asyncio
import random
from typing import Any

import msgspec
import pytest
from django.db import transaction

from accounts.models import User
from chat.connection.outbound import Outbound
from chat.connection.subscriber import Subscriber
from chat.database import in_database
from chat.delivery import bell, hub, log
from chat.delivery.bell import ThreadEvents
from chat.models import Thread
from chat.protocol.events import AgentThinking, NewEvent
from netra.ids import ConnectionID
from tests.chat.sockets import until, web_process

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

STEPS = 150
FOLLOWERS = 3
THREADS = 2


class Follower:
    """A socket that reads or does not; a hole in what it is sent fails the test."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.seqs: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        connection_id = ConnectionID.new()
        self.outbound = Outbound(
            connection_id,
            write=self._write,
            on_stuck=lambda: None,
            on_pause=lambda: None,
            write_now=self._write_now,
        )
        self.subscriber = Subscriber(
            connection_id,
            hub.current(),
            self.outbound,
            lambda work: self._tasks.add(asyncio.create_task(work)),
        )

    async def follow(self, thread: Thread, *, after_seq: int | None) -> None:
        if after_seq is not None:
            self.seqs.setdefault(thread.public_id, after_seq)
        await self.subscriber.subscribe(
            thread=thread.pk, thread_id=thread.public_id, after_seq=after_seq
        )

    async def close(self) -> None:
        await self.subscriber.close()
        await self.outbound.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _write_now(self, frame: str) -> bool:
        if self.reads.is_set():
            self._take(msgspec.json.decode(frame))
        return self.reads.is_set()

    async def _write(self, frame: str) -> None:
        await self.reads.wait()
        self._take(msgspec.json.decode(frame))

    def _take(self, frame: dict[str, Any]) -> None:
        thread_id = frame["thread_id"]
        if frame["type"] == "snapshot":
            self.seqs[thread_id] = frame["seq"]
            return
        seqs = [event["seq"] for event in frame["events"]]
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        assert seqs[0] <= self.seqs[thread_id] + 1, "a gap"
        self.seqs[thread_id] = max(self.seqs[thread_id], seqs[-1])


class World:
    """Threads, those who follow them, and the bells between, which ring when the test says so."""

    def __init__(self, chance: random.Random, threads: list[Thread]) -> None:
        self.chance = chance
        self.threads = threads
        self.followers = [Follower() for _ in range(FOLLOWERS)]
        self.heads: dict[str, int] = {}
        self.rings: list[bell.Ring] = []

    def ring(self, *rings: bell.Ring) -> None:
        self.rings += (one for one in rings if isinstance(one, ThreadEvents))

    async def step(self) -> None:
        chance = self.chance
        thread, follower = chance.choice(self.threads), chance.choice(self.followers)
        thread_id = thread.public_id
        # More bells than are made, or those that ring would all be of what was read long ago.
        match chance.choices(range(5), (12, 24, 2, 1, 3))[0]:
            case 0:
                self.heads[thread_id] = await in_database(append, thread, chance.randrange(1, 4))
            case 1:
                self._deliver()
            case 2:
                seq = follower.seqs.get(thread_id, 0)
                await follower.follow(thread, after_seq=chance.choice((seq, seq, 0, None)))
            case 3:
                await follower.subscriber.unsubscribe(thread_id)
            case _:
                (follower.reads.clear if follower.reads.is_set() else follower.reads.set)()
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))

    def _deliver(self) -> None:
        """Ring a bell, mostly the oldest one; some never, some again later."""
        if not self.rings:
            return
        number = self.chance.randrange(len(self.rings)) if self.chance.random() < 0.3 else 0
        ring = self.rings.pop(number)
        fate = self.chance.random()
        if fate > 0.2:
            hub.current()._hand_on(ring)
        if fate > 0.85:
            self.rings.insert(self.chance.randrange(len(self.rings) + 1), ring)

    def all_have_all(self) -> bool:
        return all(
            follower.seqs.get(thread_id, 0) == self.heads.get(thread_id, 0)
            for follower in self.followers
            for thread_id in follower.subscriber.thread_ids
        )


def append(thread: Thread, count: int) -> int:
    """Let something happen in a thread; gives its head."""
    thoughts = [NewEvent(data=AgentThinking(text="x"))] * count
    with transaction.atomic():
        stored = log.append(thread=thread.pk, thread_id=thread.public_id, events=thoughts)
    return stored[-1].seq


async def endure(user: User, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worst happen for a while; then no bell rings any more, and all of them get all."""
    threads = await in_database(lambda: [Thread.objects.create(user=user) for _ in range(THREADS)])
    async with web_process():
        await hub.current().start()
        world = World(random.Random(seed), threads)
        monkeypatch.setattr(bell, "ring", world.ring)
        for follower in world.followers:
            for thread in threads:
                await follower.follow(thread, after_seq=0)
        for _ in range(STEPS):
            await world.step()
        for follower in world.followers:
            follower.reads.set()
        await until(world.all_have_all)
        for follower in world.followers:
            await follower.close()


async def test_whatever_becomes_of_bells_nobody_has_a_gap_or_stays_behind(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SWEEP_EVERY_S", 0.2)
    await endure(user, 1, monkeypatch)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2, 32))
async def test_whatever_becomes_of_them_for_long_nobody_has(
    user: User, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SWEEP_EVERY_S", 0.2)
    await endure(user, seed, monkeypatch)
