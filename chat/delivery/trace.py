"""What became of each message on its way: noted in passing, written a second later, if it can be.

Nothing depends on these rows. Noting one is an append to a list; what the list has no room for,
or the database does not take, is counted and forgotten.
"""

import asyncio
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from psycopg_pool import PoolTimeout

from chat.database import in_database
from chat.models import DeliveryKind

logger = structlog.get_logger(__name__)

WRITE_EVERY_S: Final = 1.0
# Rows that wait for the next write: 100 KB, and 10 ms of the database a second.
WAITING_ROWS_MAX: Final = 2_000
# Messages whose confirmation is awaited: a client confirms once a second, or is gone.
UNCONFIRMED_MAX: Final = 10_000
KEPT_FOR: Final = timedelta(days=7)
PRUNED_AT_ONCE_MAX: Final = 10_000
NODE_CHARS: Final = 80

_INSERT: Final = """
INSERT INTO chat_deliverystep (step, thread_id, seq, connection_id, at, node)
SELECT new.step, new.thread_id, new.seq, new.connection_id, to_timestamp(new.at), %s
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::float8[])
    AS new (step, thread_id, seq, connection_id, at)
ON CONFLICT DO NOTHING
"""
_PRUNE: Final = """
DELETE FROM chat_deliverystep WHERE id IN (
    SELECT id FROM chat_deliverystep WHERE at < now() - make_interval(secs => %s)
    ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""

# Step, thread, seq, connection, and when, in seconds of the epoch.
_Row = tuple[str, str, int, str, float]


class Recorder:
    """One loop's notes; `dropped` counts the rows that were never written."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.dropped = 0
        self._told = 0
        self._rows: list[_Row] = []
        self._task: asyncio.Task[None] | None = None
        # What each connection was sent of each thread and has not confirmed, oldest first.
        self._unconfirmed: OrderedDict[tuple[str, str], list[int]] = OrderedDict()
        self._unconfirmed_count = 0

    def note(self, step: str, thread_id: str, seqs: Sequence[int], connection_id: str) -> bool:
        """Keep a row for each of `seqs` until the next write; False when there is no room."""
        if len(self._rows) + len(seqs) > WAITING_ROWS_MAX:
            self.dropped += len(seqs)
            return False
        now = time.time()
        self._rows += [(step, thread_id, seq, connection_id, now) for seq in seqs]
        if self._task is None:
            self._task = self.loop.create_task(self._write_all())
        return True

    def expect(self, thread_id: str, seqs: Sequence[int], connection_id: str) -> None:
        """Remember what a connection was sent, so that its confirmation can be told of each."""
        self._unconfirmed.setdefault((connection_id, thread_id), []).extend(seqs)
        self._unconfirmed_count += len(seqs)
        while self._unconfirmed_count > UNCONFIRMED_MAX:
            _key, oldest = self._unconfirmed.popitem(last=False)
            self._unconfirmed_count -= len(oldest)

    def confirmed(self, thread_id: str, head: int, connection_id: str) -> list[int]:
        """Which messages a confirmed head covers that no earlier one did."""
        key = (connection_id, thread_id)
        expected = self._unconfirmed.get(key)
        if expected is None:
            return []
        covered = [seq for seq in expected if seq <= head]
        expected[:] = [seq for seq in expected if seq > head]
        if not expected:
            del self._unconfirmed[key]
        self._unconfirmed_count -= len(covered)
        return covered

    async def write(self) -> None:
        """Write what was noted so far; what cannot be written is dropped."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            await in_database(_insert, rows)
        except (DatabaseError, PoolTimeout):
            self.dropped += len(rows)
        if self.dropped > self._told:
            logger.info("delivery steps were dropped", so_far=self.dropped)
            self._told = self.dropped

    async def _write_all(self) -> None:
        try:
            while self._rows:
                await asyncio.sleep(WRITE_EVERY_S)
                await self.write()
        finally:
            self._task = None


_node: str = f"{socket.gethostname()}-{os.getpid()}"[:NODE_CHARS]
_recorder: Recorder | None = None


def call_node(name: str) -> None:
    """What this process is called in the rows it writes from now on."""
    global _node
    _node = name[:NODE_CHARS]


def current() -> Recorder:
    """The running loop's recorder; raises RuntimeError where no loop runs."""
    global _recorder
    loop = asyncio.get_running_loop()
    if _recorder is None or _recorder.loop is not loop:
        _recorder = Recorder(loop)
    return _recorder


def published(thread_id: str, seqs: Sequence[int]) -> None:
    """The bus took messages `seqs` for all who follow the thread."""
    if seqs:
        current().note(DeliveryKind.PUBLISHED.value, thread_id, seqs, "")


def sent(thread_id: str, seqs: Sequence[int], connection_id: str) -> None:
    """A connection's writer was given messages `seqs`, ascending."""
    if seqs:
        recorder = current()
        if recorder.note(DeliveryKind.SENT.value, thread_id, seqs, connection_id):
            recorder.expect(thread_id, seqs, connection_id)


def seen(thread_id: str, head: int, connection_id: str) -> None:
    """A client confirmed a thread up to `head`; cheap where that covers no new message."""
    recorder = current()
    covered = recorder.confirmed(thread_id, head, connection_id)
    if covered:
        recorder.note(DeliveryKind.ACKNOWLEDGED.value, thread_id, covered, connection_id)


def prune() -> int:
    """Delete steps older than a week, some at a time; gives how many."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [KEPT_FOR.total_seconds(), PRUNED_AT_ONCE_MAX])
        pruned: int = cursor.rowcount
    return pruned


def _insert(rows: Sequence[_Row]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [_node, *columns])
