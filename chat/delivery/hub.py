"""One receiver a process: what the channel layer brings, handed to every socket that follows it."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import structlog
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from accounts import sessions
from accounts.selectors import access_changes
from chat import selectors
from chat.database import in_database
from chat.delivery import bell, log
from chat.delivery.bell import (
    AccessEnded,
    CarriedFrames,
    EntitlementsChanged,
    ForceFail,
    FramesTaken,
    ThreadDelta,
    ThreadEvents,
    ThreadTyping,
    UserFrame,
)
from chat.delivery.bus import Bus
from chat.delivery.layer import end
from chat.delivery.topics import Listener, Topic
from chat.protocol.frames import Services
from netra import traces
from netra.tally import TALLY

logger = structlog.get_logger(__name__)

PULSE_EVERY_S: Final = 0.5
# So that its return shows at once.
PULSE_AWAY_EVERY_S: Final = 0.2
SWEEP_EVERY_S: Final = 5.0
HEAL_EVERY_S: Final = 0.2
RESTART_AFTER_S: Final = 1.0
# A frozen database must show, and must not hold up the beat of the bus.
DATABASE_WITHIN_S: Final = 1.0
ACCESS_EVERY_S: Final = 1.0
SWEPT_AT_ONCE_MAX: Final = 500
_OUTAGES: Final = (DatabaseError, PoolTimeout)
Order = ForceFail | CarriedFrames | FramesTaken
OrderT = TypeVar("OrderT", ForceFail, CarriedFrames, FramesTaken)


class Follower(Protocol):
    """A socket, as far as its user's news go."""

    def on_frame(self, frame: str) -> None: ...

    def on_services(self, services: Services) -> None: ...

    def on_access_ended(self, ended: AccessEnded) -> None: ...

    def on_entitlements(self) -> None: ...

    def on_access_changed(self) -> None: ...

    @property
    def session_key(self) -> str: ...


def _heard(topic: Topic, ring: ThreadEvents) -> bool:
    if not ring.traceparent:
        return topic.hear_events(ring)
    with (
        traces.within(ring.traceparent),
        traces.span(
            "deliver",
            thread_id=ring.thread_id,
            head=ring.last,
            ends_run=ring.ends_run,
            sockets=len(topic.listeners),
        ),
    ):
        return topic.hear_events(ring)


class Hub:
    """Topics and followers of one process; every method runs on its one loop."""

    def __init__(self) -> None:
        self.services = Services(database=True, bus=False, runs=False)
        self._topics: dict[str, Topic] = {}
        self._followers: dict[str, set[Follower]] = {}
        self._bus = Bus()
        self._orders: dict[type[Order], Callable[[Any], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the process's channel and begin to receive; called again, it only waits for that."""
        failed = (
            self._started is not None
            and self._started.done()
            and (self._started.cancelled() or self._started.exception() is not None)
        )
        if self._started is None or failed:
            bell.attach()
            self._started = asyncio.create_task(self._start())
        await asyncio.shield(self._started)

    async def _start(self) -> None:
        await self._pulse_once()
        for work in (self._receive, self._pulse, self._sweep, self._watch_access):
            self.keep(work)

    def keep(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Run `work` as long as the hub runs, again when it fails."""
        return self.spawn(self._keep(work))

    async def _keep(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception:  # an outermost loop: without it this process hears nothing more
                logger.exception("a task of the hub failed", work=work.__name__)
                await asyncio.sleep(RESTART_AFTER_S)

    async def stop(self) -> None:
        tasks = [*self._tasks, *([self._started] if self._started else [])]
        await end(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._started = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def join(self, thread_id: str, listener: Listener) -> Topic:
        """Follow a thread; its group is joined when this returns, or once the bus is back."""
        topic = self._topics.setdefault(thread_id, Topic(thread_id))
        topic.listeners.add(listener)
        await self._bus.join(bell.thread_group(thread_id))
        return topic

    def hears(self, thread_id: str) -> bool:
        """Whether the group of a thread that is followed was joined, and the bus is there."""
        return self._bus.is_in(bell.thread_group(thread_id))

    async def leave(self, thread_id: str, listener: Listener) -> None:
        topic = self._topics.get(thread_id)
        if topic is None:
            return
        topic.listeners.discard(listener)
        if not topic.listeners:
            del self._topics[thread_id]
            await self._bus.leave(bell.thread_group(thread_id))

    async def follow(self, user_id: str, follower: Follower) -> None:
        self._followers.setdefault(user_id, set()).add(follower)
        await self._bus.join(bell.user_group(user_id))

    async def unfollow(self, user_id: str, follower: Follower) -> None:
        followers = self._followers.get(user_id, set())
        followers.discard(follower)
        if not followers and self._followers.pop(user_id, None) is not None:
            await self._bus.leave(bell.user_group(user_id))

    def obey(self, kind: type[OrderT], take: Callable[[OrderT], None]) -> None:
        """Pass on orders of a kind that come to a group of this process."""
        self._orders[kind] = take

    async def hear(self, group: str) -> None:
        """Take what comes to a group that has no thread and no user."""
        await self._bus.join(group)

    async def unhear(self, group: str) -> None:
        await self._bus.leave(group)

    async def _receive(self) -> None:
        async for ring in self._bus.rings():
            self._hand_on(ring)

    def _hand_on(self, ring: bell.Ring) -> None:
        match ring:
            case ThreadEvents(thread_id=thread_id):
                topic = self._topics.get(thread_id)
                if topic is not None and not _heard(topic, ring):
                    self.spawn(self._catch_up(topic))
            case ThreadDelta(thread_id=thread_id):
                topic = self._topics.get(thread_id)
                if topic is not None and not topic.hear_delta(ring):
                    self.spawn(self._heal_text(topic))
            case UserFrame(user_id=user_id, frame=frame):
                self._tell(user_id, lambda follower: follower.on_frame(frame))
            case AccessEnded(user_id=user_id):
                self._tell(user_id, lambda follower: follower.on_access_ended(ring))
            case EntitlementsChanged(user_id=user_id):
                self._tell(user_id, lambda follower: follower.on_entitlements())
            case ThreadTyping(thread_id=thread_id):
                if thread_id in self._topics:
                    self._topics[thread_id].hear_typing(ring)
            case ForceFail() | CarriedFrames() | FramesTaken():
                take = self._orders.get(type(ring))
                if take is not None:
                    take(ring)

    async def _tell_of_ended_sessions(self) -> None:
        """A session can end without a word: its time comes, or its row is deleted."""
        open_: dict[str, list[Follower]] = {}
        for follower in self._everybody():
            open_.setdefault(follower.session_key, []).append(follower)
        keys = iter(tuple(open_))
        while some := list(islice(keys, SWEPT_AT_ONCE_MAX)):
            for key in await in_database(sessions.ended, some):
                for follower in open_[key]:
                    follower.on_access_changed()

    def _everybody(self) -> list[Follower]:
        return [one for followers in self._followers.values() for one in followers]

    def _tell(self, user_id: str, news: Callable[[Follower], None]) -> None:
        for follower in tuple(self._followers.get(user_id, ())):
            news(follower)

    async def _watch_access(self) -> None:
        """A bell can be lost, but a revoked socket must close: ask the database, too."""
        asked_at: datetime | None = None
        while True:
            await asyncio.sleep(ACCESS_EVERY_S)
            try:
                changes = await in_database(access_changes, asked_at)
                await self._tell_of_ended_sessions()
            except _OUTAGES:
                continue
            # Only a look that succeeded moves on: an outage hides no revocation.
            asked_at = changes.as_of
            for user_id in changes.user_ids:
                self._tell(user_id, lambda follower: follower.on_access_changed())

    async def _pulse(self) -> None:
        """Ask the bus and the database how they are, and tell the sockets of a change."""
        while True:
            before = self.services
            await asyncio.sleep(PULSE_EVERY_S if before.bus else PULSE_AWAY_EVERY_S)
            await self._pulse_once()
            if self.services != before:
                for follower in self._everybody():
                    follower.on_services(self.services)

    async def _pulse_once(self) -> None:
        await self._bus.beat()
        try:
            async with asyncio.timeout(DATABASE_WITHIN_S):
                runs, database = await in_database(selectors.workers_alive), True
        except (*_OUTAGES, TimeoutError):
            runs, database = False, False
        self.services = Services(database=database, bus=self._bus.is_up, runs=runs)

    async def _sweep(self) -> None:
        """Compare heads with the log, so that a lost doorbell heals by itself."""
        away: set[str] = set()
        swept_at = time.monotonic()
        while True:
            await asyncio.sleep(PULSE_EVERY_S)
            # Once more after it came back: a bell may have been lost since the last sweep.
            was_away, away = away, self._bus.out_of_reach(self._topics)
            is_due = time.monotonic() - swept_at >= SWEEP_EVERY_S
            if is_due:
                swept_at = time.monotonic()
            await self._sweep_all(was_away | away, text=True)
            if is_due:
                await self._sweep_all(self._topics.keys() - was_away - away, text=False)

    async def _sweep_all(self, thread_ids: Collection[str], *, text: bool) -> None:
        topics = [self._topics[one] for one in thread_ids if one in self._topics]
        for start in range(0, len(topics), SWEPT_AT_ONCE_MAX):
            try:
                await self._sweep_some(topics[start : start + SWEPT_AT_ONCE_MAX], text=text)
            except _OUTAGES:
                return

    async def _sweep_some(self, topics: list[Topic], *, text: bool) -> None:
        thread_ids = [topic.thread_id for topic in topics]
        found = await in_database(selectors.heads_of, thread_ids)
        for topic in topics:
            if topic.head is not None and found.get(topic.thread_id, 0) > topic.head:
                await self._catch_up(topic)
        if not text:
            return
        texts = await in_database(selectors.live_texts, thread_ids)
        for topic in topics:
            live = texts.get(topic.thread_id)
            if live is not None:
                topic.heal_text(live.run_id, live.attempt, live.text)

    async def _catch_up(self, topic: Topic) -> None:
        """Read what a topic missed and hand it to all its sockets as one batch."""
        if topic.reading or topic.head is None:
            return
        topic.reading = True
        try:
            while topic.listeners:
                stored = await in_database(
                    log.thread_events_after, thread_id=topic.thread_id, after_seq=topic.head
                )
                if not stored:
                    return
                TALLY.gaps.add("events")
                topic.hear_events(log.batch(topic.thread_id, stored))
        except _OUTAGES:
            return
        finally:
            topic.reading = False

    async def _heal_text(self, topic: Topic) -> None:
        """Wait for a checkpoint that reaches the text that arrives; it is 0.5 s old at most."""
        if topic.healing:
            return
        topic.healing = True
        try:
            while topic.behind and topic.listeners:
                texts = await in_database(selectors.live_texts, [topic.thread_id])
                live = texts.get(topic.thread_id)
                if live is None:
                    return
                TALLY.gaps.add("text")
                topic.heal_text(live.run_id, live.attempt, live.text)
                await asyncio.sleep(HEAL_EVERY_S)
        except _OUTAGES:
            return
        finally:
            topic.healing = False


_hub: Hub | None = None
_loop: asyncio.AbstractEventLoop | None = None


def made() -> Hub | None:
    """The hub of this process, for any thread to look at; None before anybody asked for one."""
    return _hub


def current() -> Hub:
    """The hub of the running loop; made when first asked for, since daphne sends no lifespan."""
    global _hub, _loop
    loop = asyncio.get_running_loop()
    if _hub is None or _loop is not loop:
        _hub, _loop = Hub(), loop
    return _hub
