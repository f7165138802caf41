"""The two ways an event sets out: through Netra's log and bell, or by `group_send`."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from channels.layers import get_channel_layer
from django.db import transaction

from bench.plain.consumer import GROUP
from chat.database import in_database
from chat.delivery import bell, log
from chat.models import Thread
from chat.protocol.events import (
    AgentThinking,
    NewEvent,
    StoredEvent,
    encode_data,
    encode_events,
)
from netra.ids import ThreadID

EVENT_BYTES: Final = 300

# Emits so many events; gives when the first was begun and, by seq, when each was handed over.
Source = Callable[[int], Awaitable[tuple[float, dict[int, float]]]]


def netra_source(thread: Thread) -> Source:
    """Events appended to the thread's log in one transaction, each with a bell of its own after."""
    bell.attach()
    event = NewEvent(data=_data(thread.public_id), agent_name="bench")

    def append(count: int) -> tuple[float, dict[int, float]]:
        begun = time.perf_counter()
        rung: list[float] = []
        with transaction.atomic():
            transaction.on_commit(lambda: rung.append(time.perf_counter()))
            seqs = [
                log.append(thread=thread.pk, thread_id=thread.public_id, events=[event])[0].seq
                for _ in range(count)
            ]
        return begun, dict.fromkeys(seqs, rung[0])

    return lambda count: in_database(append, count)


def plain_source() -> Source:
    """The same frames, sent to the plain consumers' group."""
    layer = get_channel_layer()
    assert layer is not None
    thread_id = ThreadID.new()
    data = encode_data(_data(thread_id))
    seq = 0

    async def send(count: int) -> tuple[float, dict[int, float]]:
        nonlocal seq
        begun = time.perf_counter()
        sent = {}
        for _ in range(count):
            seq += 1
            text = encode_events(thread_id, [_stored(seq, data)])
            sent[seq] = time.perf_counter()
            await layer.group_send(GROUP, {"type": "event", "text": text})
        return begun, sent

    return send


def _data(thread_id: str) -> AgentThinking:
    """What makes the event in its frame as large as it shall be."""
    frame = encode_events(thread_id, [_stored(1000, encode_data(AgentThinking(text="")))])
    event = frame[frame.index("[") + 1 : -2]
    return AgentThinking(text="x" * (EVENT_BYTES - len(event)))


def _stored(seq: int, data: str) -> StoredEvent:
    return StoredEvent(
        seq=seq,
        type=AgentThinking.type,
        run_id=None,
        agent_name="bench",
        ts=datetime.now(UTC),
        data=data,
    )
