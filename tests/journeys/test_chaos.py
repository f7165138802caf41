"""Processes die and doorbells are lost while people chat; what was acknowledged stays."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
import redis
from django.conf import settings
from django.db.models import Sum

from billing.models import UsageCounter
from chat.database import in_database
from chat.models import Event, Message, Run, Thread
from netra import env
from netra.client import ChatConnection, Closed
from tests.journeys.conftest import UNHURRIED, Person
from tests.journeys.transcript import Frame, Transcript
from tests.servers import Servers

PEOPLE = 6
ANSWERED_WITHIN_S = 120


class Chatter:
    """A person who asks one thing after another and comes back whenever the socket dies."""

    def __init__(self, base_url: str, cookie: str, goes_on: Callable[[], bool]) -> None:
        self.base_url = base_url
        self.cookie = cookie
        self.goes_on = goes_on
        self.transcript: Transcript | None = None
        self.answered: list[str] = []
        self._asked = 0
        self._run_id: str | None = None

    async def chat(self) -> None:
        while self.goes_on() or len(self.answered) < self._asked:
            try:
                async with ChatConnection.open(self.base_url, cookie=self.cookie) as socket:
                    await self._chat_on(socket)
            except (Closed, OSError, EOFError, TimeoutError):
                await asyncio.sleep(0.2)

    async def _chat_on(self, socket: ChatConnection) -> None:
        await socket.until("ready")
        if self.transcript is not None:
            await socket.subscribe(self.transcript.thread_id, after_seq=self.transcript.last)
        while self.goes_on() or len(self.answered) < self._asked:
            await self._ask(socket)

    async def _ask(self, socket: ChatConnection) -> None:
        # The same client_id until it is answered: a repeat after a cut is no second message.
        number = len(self.answered)
        self._asked = number + 1
        self._run_id = None
        await socket.send(
            f"What is {number} + {number}?",
            client_id=f"question-{number}",
            thread_id=self.transcript.thread_id if number and self.transcript else None,
        )
        early: list[Frame] = []
        while not self._has_ended():
            frame = await socket.next(within_s=ANSWERED_WITHIN_S)
            if frame["type"] == "ack":
                self._run_id = frame["run_id"]
                self.transcript = self.transcript or Transcript(frame["thread_id"])
                for one in early:
                    self.transcript.take(one)
            elif frame["type"] == "error" and frame["retryable"]:
                raise TimeoutError
            elif self.transcript is None:
                early.append(frame)
            else:
                self.transcript.take(frame)
        self.answered.append(self._run_id or "")

    def _has_ended(self) -> bool:
        if self.transcript is None or self._run_id is None:
            return False
        return "agent_completed" in self.transcript.types(self._run_id)


async def break_things(servers: Servers, chance: random.Random, until: float) -> Counter[str]:
    """Kill a process or cut the bus, again and again, and start again what was killed."""
    broken: Counter[str] = Counter()
    bus = redis.Redis.from_url(settings.REDIS_URL)
    try:
        while time.monotonic() < until:
            await asyncio.sleep(chance.uniform(1.5, 4))
            fault = chance.choice(["web", "worker", "bus"])
            broken[fault] += 1
            if fault == "bus":
                bus.client_kill_filter(_type="pubsub")
                continue
            servers.kill(fault)
            await asyncio.sleep(chance.uniform(0, 1))
            start = servers.start_web if fault == "web" else servers.start_worker
            await asyncio.to_thread(start)
    finally:
        bus.close()
    return broken


def assert_nothing_was_lost(chatters: list[Chatter]) -> None:
    for chatter in chatters:
        transcript = chatter.transcript
        assert transcript is not None
        thread = Thread.objects.get(public_id=transcript.thread_id)
        log = Event.objects.filter(thread=thread).order_by("seq")
        assert list(log.values_list("seq", flat=True)) == list(range(1, thread.head + 1))
        assert [event["seq"] for event in transcript.events] == list(range(1, thread.head + 1))
        questions = Message.objects.filter(thread=thread, role="user").order_by("seq")
        assert [row.answers.get().public_id for row in questions] == chatter.answered
        for run_id in chatter.answered:
            types = transcript.types(run_id)
            assert types.count("agent_started") == types.count("agent_completed") == 1
            assert types[-1] == "agent_completed"
            assert types.count("tool_executing") == types.count("tool_completed")
            stored = Message.objects.get(run__public_id=run_id, role="assistant").text
            assert transcript.texts.get(run_id, "") == stored
    charged = Run.objects.filter(state__in=["completed", "stopped"]).count()
    used = UsageCounter.objects.filter(feature="runs_month").aggregate(
        used=Sum("used"), reserved=Sum("reserved")
    )
    assert used == {"used": charged, "reserved": 0}


async def endure(
    servers: Servers, people: list[Person], *, seconds: float, seed: int
) -> Counter[str]:
    servers.start(**UNHURRIED)
    until = time.monotonic() + seconds
    chatters = [
        Chatter(servers.base_url, person.cookie(servers), lambda: time.monotonic() < until)
        for person in people
    ]
    async with asyncio.TaskGroup() as group:
        breaking = group.create_task(break_things(servers, random.Random(seed), until))
        for chatter in chatters:
            group.create_task(chatter.chat())
    await in_database(assert_nothing_was_lost, chatters)
    assert all(chatter.answered for chatter in chatters)
    return breaking.result()


@pytest.fixture
def people(make_person: Callable[[str], Person]) -> list[Person]:
    return [make_person(f"person{number}") for number in range(PEOPLE)]


@pytest.mark.chaos
@pytest.mark.asyncio
async def test_a_bad_minute_loses_nothing(servers: Servers, people: list[Person]) -> None:
    broken = await endure(servers, people, seconds=60, seed=env.integer("CHAOS_SEED", 7))
    assert sum(broken.values()) >= 10
