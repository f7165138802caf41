"""The ways an event sets out: Netra's log and bell, its bell alone, or to one of its rivals."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import redis.asyncio
from django.conf import settings
from django.db import transaction

from bench.rivals.layers import Layer, layer_of
from bench.rivals.plain import GROUP
from chat.database import in_database
from chat.delivery import bell, log
from chat.models import Thread
from chat.protocol.events import AgentThinking, NewEvent, StoredEvent, encode_data, timestamp
from netra.ids import ThreadID

EVENT_BYTES: Final = 300


class Emitted:
    """When a batch was begun, and when each of its events, by seq, was handed to the bus."""

    __slots__ = ("begun", "handed")

    def __init__(self, begun: float, handed: dict[int, float]) -> None:
        self.begun = begun
        self.handed = handed


# Emits so many events of one thread.
Source = Callable[[int], Awaitable[Emitted]]


def log_source(thread: Thread) -> Source:
    """Netra's whole path: a transaction appends to the log, after it each event's bell is rung."""
    bell.attach()
    event = event_of(thread)

    def append(count: int) -> Emitted:
        begun = time.perf_counter()
        rung: list[float] = []
        with transaction.atomic():
            transaction.on_commit(lambda: rung.append(time.perf_counter()))
            seqs = [
                log.append(thread=thread.pk, thread_id=thread.public_id, events=[event])[0].seq
                for _ in range(count)
            ]
        return Emitted(begun, dict.fromkeys(seqs, rung[0]))

    return lambda count: in_database(append, count)


def bell_source(thread: Thread) -> Source:
    """Netra's second half: the bell is rung with true batches that no log keeps."""
    bell.attach()
    data = encode_data(_data(thread.public_id))
    seq = 0

    async def ring(count: int) -> Emitted:
        nonlocal seq
        emitted = Emitted(time.perf_counter(), {})
        for _ in range(count):
            seq += 1
            rung = log.batch(thread.public_id, [_stored(seq, data)])
            emitted.handed[seq] = time.perf_counter()
            bell.ring(rung)
        return emitted

    return ring


def plain_source(kind: Layer = "plain") -> Source:
    """The same frames, sent to the plain consumers' group."""
    layer = layer_of(kind)
    thread_id = ThreadID.new()
    data = encode_data(_data(thread_id))
    seq = 0

    async def send(count: int) -> Emitted:
        nonlocal seq
        emitted = Emitted(time.perf_counter(), {})
        for _ in range(count):
            seq += 1
            text = log.batch(thread_id, [_stored(seq, data)]).frame
            emitted.handed[seq] = time.perf_counter()
            await layer.group_send(GROUP, {"type": "event", "text": text})
        return emitted

    return send


def raw_source(channel: str) -> Source:
    """The same frames, published to a raw application; a batch goes to Valkey in one write."""
    bus = redis.asyncio.from_url(settings.REDIS_URL)
    thread_id = ThreadID.new()
    data = encode_data(_data(thread_id))
    seq = 0

    async def publish(count: int) -> Emitted:
        nonlocal seq
        emitted = Emitted(time.perf_counter(), {})
        async with bus.pipeline(transaction=False) as together:
            for _ in range(count):
                seq += 1
                together.publish(channel, log.batch(thread_id, [_stored(seq, data)]).frame)
                emitted.handed[seq] = time.perf_counter()
            await together.execute()
        return emitted

    return publish


def event_of(thread: Thread, *, size: int = EVENT_BYTES) -> NewEvent:
    """An event of that many bytes for the log of `thread`."""
    return NewEvent(data=_data(thread.public_id, size), agent_name="bench")


def _data(thread_id: str, size: int = EVENT_BYTES) -> AgentThinking:
    """What makes the event in its frame `size` bytes long."""
    frame = log.batch(thread_id, [_stored(1000, encode_data(AgentThinking(text="")))]).frame
    bare = len(frame[frame.index("[") + 1 : frame.rindex("]")])
    return AgentThinking(text="x" * (size - bare))


def _stored(seq: int, data: str) -> StoredEvent:
    return StoredEvent(
        seq=seq,
        type=AgentThinking.type,
        run_id=None,
        agent_name="bench",
        ts=timestamp(datetime.now(UTC)),
        data=data,
    )
