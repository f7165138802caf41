"""The live connections of all web processes: a row each on the bus, for operators to look at.

Nothing depends on these rows: they may be lost at any moment, and no socket waits for them.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import msgspec
import redis.asyncio
import structlog
from django.conf import settings
from django.utils import timezone
from msgspec import Struct
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from chat.delivery.shards import client_of, loop_client_of
from netra.ids import ConnectionID

if TYPE_CHECKING:
    from chat.consumers import ChatConsumer

logger = structlog.get_logger(__name__)

WRITE_EVERY_S: Final = 1.0
REFRESH_EVERY_S: Final = 20.0
# Three refreshes: what a killed process held is gone from the page after this.
ROW_LIFE_S: Final = 60
# What is left over is written a second later: at 10 000 sockets all are within ten.
ROWS_A_WRITE_MAX: Final = 1000
# Either holds the loop for a few milliseconds.
ROWS_AT_ONCE: Final = 200
LOOKED_AT_ONCE: Final = 1000
ROWS_READ_MAX: Final = 10_000
ROWS_A_READ: Final = 1000
BUS_TIMEOUT_S: Final = 1.0
# A queue that grows shows within a second, and one that is busy is not written for each frame.
INBOUND_STEP: Final = 20
OUTBOUND_STEP_CHARS: Final = 128 * 1024

INDEX: Final = "netra:connections"


class ConnectionRow(Struct, frozen=True, kw_only=True):
    """One connection as its process last wrote it; times are UTC."""

    connection_id: str
    user_id: str | None
    email: str | None
    node: str
    state: str
    # When it came into that state, when it was first counted, when this row was written.
    since: datetime
    opened_at: datetime
    written_at: datetime
    threads: int
    # Frames from the client that wait to be handled, characters that wait to be sent to it, bytes
    # that it was sent and has not confirmed.
    inbound: int
    outbound_chars: int
    unconfirmed_bytes: int


class Reading(Struct, frozen=True, kw_only=True):
    """The rows found at one moment, newest connection first; `more` when some were left out."""

    rows: list[ConnectionRow]
    as_of: datetime
    bus: bool
    more: bool = False


# Ids are a kind of str, which msgspec does not take for one.
_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final = msgspec.json.Decoder(ConnectionRow)
_AWAY: Final = (RedisError, OSError)


class _Written:
    """What was last written of a socket; `facts` None when the bus may not have it."""

    __slots__ = ("at", "facts", "opened_at")

    def __init__(self, opened_at: datetime) -> None:
        self.at = float("-inf")
        self.facts: tuple[object, ...] | None = None
        self.opened_at = opened_at


class Census:
    """Keeps the rows of one process's sockets; runs on its one loop."""

    def __init__(self, sockets: "Collection[ChatConsumer]", *, node: str) -> None:
        self._node = node
        self._sockets = sockets
        self._written: dict[ConnectionID, _Written] = {}
        self._task: asyncio.Task[None] | None = None
        self._away = False

    def begin(self, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        """Start counting with a task made by `spawn`, unless this loop's count runs already."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = spawn(self._count())

    async def _count(self) -> None:
        # All rows of a process are on one shard: a write is one command's worth of waiting.
        shard = settings.BUS[crc32(self._node.encode()) % len(settings.BUS)]
        bus = loop_client_of(shard, **_connection_options())
        self._written.clear()
        try:
            while True:
                await self._write(bus)
                await asyncio.sleep(WRITE_EVERY_S)
        finally:
            await self._leave(bus)

    async def _write(self, bus: redis.asyncio.Redis) -> None:
        """Bring the rows up to date: what closed, then what changed or grew old."""
        consumers = tuple(self._sockets)
        gone = self._gone({consumer.connection_id for consumer in consumers})
        due = await self._due(consumers)
        try:
            if gone:
                await self._send(bus, (), gone)
                self._forget(gone)
            for start in range(0, len(due), ROWS_AT_ONCE):
                await self._write_some(bus, due[start : start + ROWS_AT_ONCE])
        except _AWAY:
            self._note_bus(away=True)
            return
        if due or gone:
            self._note_bus(away=False)

    async def _write_some(
        self, bus: redis.asyncio.Redis, consumers: "Sequence[ChatConsumer]"
    ) -> None:
        facts = [_facts(consumer) for consumer in consumers]
        now = time.monotonic()
        await self._send(bus, [self._row(consumer, now) for consumer in consumers], ())
        for consumer, fact in zip(consumers, facts, strict=True):
            written = self._written[consumer.connection_id]
            written.facts, written.at = fact, now

    def _gone(self, open_: Collection[ConnectionID]) -> list[ConnectionID]:
        gone = [connection_id for connection_id in self._written if connection_id not in open_]
        # These rows have died by themselves; so a long outage piles up nothing here.
        long_ago = time.monotonic() - ROW_LIFE_S
        self._forget([one for one in gone if self._written[one].at < long_ago])
        return [one for one in gone if one in self._written]

    def _forget(self, gone: Collection[ConnectionID]) -> None:
        for connection_id in gone:
            del self._written[connection_id]

    async def _due(self, consumers: "Sequence[ChatConsumer]") -> "list[ChatConsumer]":
        """The sockets to write now: whose row was written longest ago comes first."""
        due = []
        for start in range(0, len(consumers), LOOKED_AT_ONCE):
            now = time.monotonic()
            for consumer in consumers[start : start + LOOKED_AT_ONCE]:
                written = self._written.get(consumer.connection_id)
                if written is None:
                    written = self._written[consumer.connection_id] = _Written(timezone.now())
                if now - written.at > REFRESH_EVERY_S or written.facts != _facts(consumer):
                    due.append((written.at, consumer))
            await asyncio.sleep(0)
        due.sort(key=itemgetter(0))
        return [consumer for _at, consumer in due[:ROWS_A_WRITE_MAX]]

    def _row(self, consumer: "ChatConsumer", now: float) -> ConnectionRow:
        moment = timezone.now()
        machine = consumer.machine.snapshot()
        user = consumer.admitted.user if consumer.admitted else None
        return ConnectionRow(
            connection_id=consumer.connection_id,
            user_id=user.public_id if user else None,
            email=user.email if user else None,
            node=self._node,
            state=machine.state.value,
            since=moment - timedelta(seconds=max(0.0, now - machine.metrics.last_activity)),
            opened_at=self._written[consumer.connection_id].opened_at,
            written_at=moment,
            threads=len(consumer.subscriber.thread_ids),
            inbound=len(consumer.inbound),
            outbound_chars=consumer.outbound.chars,
            unconfirmed_bytes=consumer.outbound.unconfirmed,
        )

    async def _send(
        self,
        bus: redis.asyncio.Redis,
        rows: Collection[ConnectionRow],
        gone: Collection[ConnectionID],
    ) -> None:
        now = time.time()
        pipeline = bus.pipeline(transaction=False)
        for row in rows:
            pipeline.set(key_of(row.connection_id), _encoder.encode(row), ex=ROW_LIFE_S)
        if rows:
            pipeline.zadd(INDEX, {row.connection_id: now for row in rows})
        if gone:
            pipeline.delete(*map(key_of, gone))
            pipeline.zrem(INDEX, *gone)
        # What killed processes left; twice the life, since their clocks may differ from this one.
        pipeline.zremrangebyscore(INDEX, "-inf", now - 2 * ROW_LIFE_S)
        await pipeline.execute()

    async def _leave(self, bus: redis.asyncio.Redis) -> None:
        """Take this process's rows away, if the bus is there to be told."""
        try:
            await self._send(bus, (), tuple(self._written))
        except _AWAY:
            logger.debug("rows of live connections stay until they die by themselves")
        finally:
            self._written.clear()
            await bus.aclose()

    def _note_bus(self, *, away: bool) -> None:
        if away:
            # It may come back empty.
            for written in self._written.values():
                written.facts = None
        if away and not self._away:
            logger.warning("live connections are not written while the bus is away")
        self._away = away


def read() -> Reading:
    """The connections of all processes; `bus` False when some of it could not be asked."""
    as_of = timezone.now()
    rows: list[ConnectionRow] = []
    more, is_whole = False, True
    for shard in settings.BUS:
        try:
            with client_of(shard, **_connection_options()) as bus:
                ids = bus.zrevrange(INDEX, 0, ROWS_READ_MAX)
                rows += _rows(bus, ids[:ROWS_READ_MAX])
                more = more or len(ids) > ROWS_READ_MAX
        except _AWAY:
            is_whole = False
    rows.sort(key=lambda row: row.opened_at, reverse=True)
    more = more or len(rows) > ROWS_READ_MAX
    return Reading(rows=rows[:ROWS_READ_MAX], as_of=as_of, bus=is_whole, more=more)


def find(connection_id: str) -> ConnectionRow | None:
    """One connection by its id; None where it is not open, or the bus is away."""
    for shard in settings.BUS:
        try:
            with client_of(shard, **_connection_options()) as bus:
                found = next(_rows(bus, [connection_id.encode()]), None)
        except _AWAY:
            continue
        if found is not None:
            return found
    return None


def _rows(bus: redis.Redis, ids: list[bytes]) -> Iterator[ConnectionRow]:
    for start in range(0, len(ids), ROWS_A_READ):
        some = ids[start : start + ROWS_A_READ]
        for value in bus.mget([key_of(connection_id.decode()) for connection_id in some]):
            if value is None:
                continue
            try:
                yield _decoder.decode(value)
            except msgspec.DecodeError:
                logger.warning("a row of a live connection could not be read")


def _facts(consumer: "ChatConsumer") -> tuple[object, ...]:
    """What is written as soon as it changes; queue lengths only by steps, all 0 in good times."""
    machine = consumer.machine
    return (
        machine.state,
        machine.user_id,
        len(consumer.subscriber.thread_ids),
        len(consumer.inbound) // INBOUND_STEP,
        consumer.outbound.chars // OUTBOUND_STEP_CHARS,
        consumer.outbound.unconfirmed // OUTBOUND_STEP_CHARS,
    )


def key_of(connection_id: str) -> str:
    return f"netra:connection:{connection_id}"


def _connection_options() -> dict[str, Any]:
    # No retries by the client: the next write, or the next look, is one.
    return {
        "socket_timeout": BUS_TIMEOUT_S,
        "socket_connect_timeout": BUS_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
    }
