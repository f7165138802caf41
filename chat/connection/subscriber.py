"""One socket's reader of threads: replay or snapshot first, then live, without a hole."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Final

from django.db import Error as DatabaseError
from msgspec import Struct
from psycopg_pool import PoolTimeout

from chat import selectors, snapshots
from chat.connection.message_queue import MessagePriority
from chat.connection.outbound import Outbound
from chat.database import in_database
from chat.delivery import bell, log, trace
from chat.delivery.bell import ThreadEvents
from chat.delivery.hub import Hub
from chat.delivery.topics import RunText, Topic
from chat.errors import ThreadNotFound
from chat.models import Thread
from chat.protocol.codes import ErrorCode
from chat.protocol.events import StoredEvent, encode_events
from chat.protocol.frames import (
    THREADS_PER_CONNECTION_MAX,
    Delta,
    FrameRefused,
    encode,
)
from netra.tally import TALLY

# Further behind than this, the thread as it stands is shorter than what happened.
REPLAY_DEPTH_MAX: Final = 2000
RETRY_AFTER_S: Final = 1.0
TYPING_EVERY_S: Final = 1.0
# In place of its key: a thread that is listened for and not there yet.
UNSTORED: Final = 0

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Subscription:
    """One thread at one socket: `last` is the seq sent last, `offset` the text sent so far."""

    __slots__ = (
        "attempt",
        "catching_up",
        "last",
        "live",
        "offset",
        "run_id",
        "subscriber",
        "thread",
        "topic",
        "wants_snapshot",
    )

    def __init__(self, subscriber: "Subscriber", thread: int) -> None:
        self.subscriber = subscriber
        self.thread = thread
        self.topic: Topic | None = None
        self.last = 0
        # The thread as it stands comes first, once there is room for it.
        self.wants_snapshot = False
        self.live = False
        self.catching_up: asyncio.Task[Any] | None = None
        self.run_id: str | None = None
        self.attempt = 0
        self.offset = 0

    def on_events(self, ring: ThreadEvents) -> None:
        if not self.live or ring.last <= self.last:
            return
        if ring.first == self.last + 1 and self.subscriber.outbound.put_thread(ring.frame):
            self.last = ring.last
            if ring.messages:
                trace.sent(ring.thread_id, ring.messages, self.subscriber.connection_id)
            return
        self.fall_back()

    def on_text(self, text: RunText, delta: Delta, frame: str) -> None:
        if not self.live:
            return
        at = (self.run_id, self.attempt, self.offset)
        if at != (delta.run_id, delta.attempt, delta.offset):
            frame = encode(self._delta_from(text, self._next_offset(delta)))
        if not self.subscriber.outbound.put_thread(frame):
            self.fall_back()
            return
        self.run_id, self.attempt = text.run_id, text.attempt
        self.offset = len(text.text)

    def on_typing(self, connection_id: str, frame: str) -> None:
        if connection_id != self.subscriber.connection_id:
            self.subscriber.outbound.put(frame, MessagePriority.LOW)

    def put_text_so_far(self) -> None:
        """One delta from offset 0 with all the text of the active run."""
        text = self.topic.text if self.topic is not None else None
        if text is None:
            return
        if not self.subscriber.outbound.put_thread(encode(self._delta_from(text, 0))):
            self.fall_back()
            return
        self.run_id, self.attempt, self.offset = text.run_id, text.attempt, len(text.text)

    def fall_back(self) -> None:
        """Stop passing live batches on, and go on from the log when there is room."""
        TALLY.gaps.add("socket")
        self.live = False
        self.subscriber.spawn(self.subscriber.catch_up(self))

    def _next_offset(self, delta: Delta) -> int:
        if self.run_id != delta.run_id:
            return 0
        return min(self.offset, delta.offset) if self.attempt != delta.attempt else self.offset

    def _delta_from(self, text: RunText, offset: int) -> Delta:
        return Delta(
            thread_id=self.topic.thread_id if self.topic else "",
            run_id=text.run_id,
            attempt=text.attempt,
            offset=offset,
            text=text.text[offset:],
        )


class Subscriber:
    """The threads that one socket follows."""

    __slots__ = (
        "_hub",
        "_subscriptions",
        "_typed_at",
        "closed",
        "connection_id",
        "outbound",
        "spawn",
    )

    def __init__(self, connection_id: str, hub: Hub, outbound: Outbound, spawn: Spawn) -> None:
        self.connection_id = connection_id
        self._typed_at = float("-inf")
        self._hub = hub
        self.outbound = outbound
        self.spawn = spawn
        self.closed = False
        self._subscriptions: dict[str, Subscription] = {}

    @property
    def thread_ids(self) -> list[str]:
        return list(self._subscriptions)

    def heads(self) -> dict[str, int]:
        """The newest seq known of each thread; a client that is behind subscribes again."""
        heads: dict[str, int] = {}
        for thread_id, subscription in self._subscriptions.items():
            if subscription.thread == UNSTORED:
                continue
            topic = subscription.topic
            heads[thread_id] = max(subscription.last, topic.seen if topic is not None else 0)
        return heads

    def confirm(self, heads: Mapping[str, int]) -> None:
        """Take the client's word for what it has applied."""
        for thread_id in heads.keys() & self._subscriptions.keys():
            sent = self._subscriptions[thread_id].last
            trace.seen(thread_id, min(heads[thread_id], sent), self.connection_id)

    def type_in(self, thread_id: str) -> None:
        """Tell the user's other connections that follow the thread; at most once a second."""
        if thread_id not in self._subscriptions:
            raise ThreadNotFound
        now = time.monotonic()
        if now - self._typed_at >= TYPING_EVERY_S:
            self._typed_at = now
            bell.ring(bell.ThreadTyping(thread_id=thread_id, connection_id=self.connection_id))

    async def subscribe(self, *, thread: int, thread_id: str, after_seq: int | None) -> None:
        """Follow a thread of this user from `after_seq`; None asks for it as it stands."""
        await self.unsubscribe(thread_id)
        if len(self._subscriptions) >= THREADS_PER_CONNECTION_MAX:
            raise FrameRefused(
                ErrorCode.TOO_MANY,
                f"A connection may follow {THREADS_PER_CONNECTION_MAX} threads. "
                "Unsubscribe from one first.",
            )
        subscription = Subscription(self, thread)
        self._subscriptions[thread_id] = subscription
        try:
            # The group first, the log second, live third: what is said meanwhile is in one of them.
            subscription.topic = await self._hub.join(thread_id, subscription)
            await self._open(subscription, after_seq)
        except BaseException:
            await self.unsubscribe(thread_id)
            raise
        self.spawn(self.catch_up(subscription))

    async def follow_own(self, *, thread: int, thread_id: str, seq: int) -> None:
        """Make sure that the sender of message `seq` hears what becomes of it."""
        subscription = self._subscriptions.get(thread_id)
        if subscription is None:
            await self.subscribe(thread=thread, thread_id=thread_id, after_seq=seq - 1)
        elif subscription.thread == UNSTORED:
            subscription.thread = thread
            subscription.last = seq - 1
            self._begin(subscription)

    @contextlib.asynccontextmanager
    async def listening(self, thread_id: str) -> AsyncIterator[None]:
        """Hear a thread that is to be stored in this block, and leave it if it is not."""
        subscription = Subscription(self, UNSTORED)
        # With too many threads followed it is stored, and not followed.
        if len(self._subscriptions) < THREADS_PER_CONNECTION_MAX:
            self._subscriptions[thread_id] = subscription
        try:
            if thread_id in self._subscriptions:
                subscription.topic = await self._hub.join(thread_id, subscription)
            yield
        finally:
            if subscription.thread == UNSTORED:
                await self.unsubscribe(thread_id)

    async def unsubscribe(self, thread_id: str) -> None:
        subscription = self._subscriptions.pop(thread_id, None)
        if subscription is not None:
            subscription.live = False
            if subscription.catching_up is not None:
                # Or a client that is behind could leave as many waiting as it likes.
                subscription.catching_up.cancel()
            await self._hub.leave(thread_id, subscription)

    async def close(self) -> None:
        self.closed = True
        for thread_id in self.thread_ids:
            await self.unsubscribe(thread_id)

    async def catch_up(self, subscription: Subscription) -> None:
        """Send what the log has beyond `last`, then the text so far, and go live."""
        subscription.catching_up = asyncio.current_task()
        while self._follows(subscription):
            try:
                await self.outbound.thread_room()
                if subscription.wants_snapshot and not await self._send_snapshot(subscription):
                    continue
                done = await self._catch_up_once(subscription)
            except Thread.DoesNotExist:
                return  # deleted meanwhile: its user is told by a `threads` frame
            except (DatabaseError, PoolTimeout):
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            if done:
                return

    def _begin(self, subscription: Subscription) -> None:
        """Go live on a thread that was listened for, where nothing was heard of it so far."""
        topic = subscription.topic
        if topic is None or topic.seen or not self._hub.hears(topic.thread_id):
            self.spawn(self.catch_up(subscription))
            return
        topic.head = subscription.last
        subscription.live = True

    async def _open(self, subscription: Subscription, after_seq: int | None) -> None:
        """Decide where to go on from; what is sent waits for room, and this must not."""
        head = await in_database(selectors.head_of, thread=subscription.thread)
        if after_seq is not None and head - REPLAY_DEPTH_MAX <= after_seq <= head:
            subscription.last = after_seq
        else:
            subscription.wants_snapshot = True

    async def _send_snapshot(self, subscription: Subscription) -> bool:
        snapshot = await in_database(snapshots.snapshot, thread=subscription.thread)
        if not self._follows(subscription) or not self.outbound.put_thread(encode(snapshot)):
            return False
        subscription.last = snapshot.seq
        subscription.wants_snapshot = False
        return True

    async def _catch_up_once(self, subscription: Subscription) -> bool:
        """Send one batch; True when the subscription went live."""
        topic = subscription.topic
        assert topic is not None
        heard = topic.seen
        reading = await in_database(_read_on, subscription.thread, subscription.last)
        stored, live = reading.stored, reading.live
        if not self._follows(subscription):
            return True
        if stored:
            if not self.outbound.put_thread(encode_events(topic.thread_id, stored)):
                return False
            subscription.last = stored[-1].seq
            trace.sent(topic.thread_id, log.messages_in(stored), self.connection_id)
            if reading.more:
                return False
        if topic.seen > max(heard, subscription.last):
            # A bell rang since the log was read; what it announced is committed, so read again.
            return False
        if live is not None:
            topic.heal_text(live.run_id, live.attempt, live.text)
        # Nothing is awaited from here on, so no batch can slip in between.
        if topic.head is None or len(topic.listeners) == 1:
            # With others here, `head` stays what they were sent.
            topic.head = subscription.last
        subscription.live = True
        if live is not None:
            subscription.put_text_so_far()
        return True

    def _follows(self, subscription: Subscription) -> bool:
        topic = subscription.topic
        mine = topic is not None and self._subscriptions.get(topic.thread_id) is subscription
        return mine and not self.closed


class _Reading(Struct, frozen=True, kw_only=True):
    """What the log has beyond a position and, where that is all of it, the text so far."""

    stored: list[StoredEvent]
    more: bool = False
    live: selectors.LiveText | None = None


def _read_on(thread: int, after_seq: int) -> _Reading:
    stored = log.events_after(thread=thread, after_seq=after_seq)
    if stored and stored[-1].seq < selectors.head_of(thread=thread):
        return _Reading(stored=stored, more=True)
    return _Reading(stored=stored, live=selectors.live_text(thread=thread))
