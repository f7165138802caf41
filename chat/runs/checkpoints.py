"""The texts of all answers that grow in this process, stored together twice a second.

A statement for each of a hundred streams would cost the worker more than the streams do.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from psycopg_pool import PoolTimeout

from chat.database import in_database
from chat.runs import attempts
from chat.runs.attempts import LEASE, Attempt

logger = structlog.get_logger(__name__)

CHECKPOINT_EVERY_S: Final = 0.5
# A row that somebody else holds is left out, so that this waits for nobody; and of two writers of
# one attempt the slower one must not take back what the other has stored.
_STORE: Final = """
WITH growing AS (
    SELECT run.id FROM chat_run AS run
    JOIN unnest(%(runs)s::bigint[], %(attempts)s::int[]) AS mine (id, attempt)
        ON run.id = mine.id AND run.attempt = mine.attempt
    WHERE run.state = 'running' FOR NO KEY UPDATE OF run SKIP LOCKED
)
UPDATE chat_run SET lease_until = now() + %(lease)s, partial_text = CASE
    WHEN length(held.text) > length(partial_text) THEN held.text ELSE partial_text END
FROM growing JOIN unnest(%(runs)s::bigint[], %(texts)s::text[]) AS held (id, text)
    ON held.id = growing.id
WHERE chat_run.id = growing.id RETURNING chat_run.id
"""


class Growing(Protocol):
    """An answer whose text grows; `lost` says that its attempt has lost the run."""

    attempt: Attempt
    text: str
    lost: bool


class Checkpoints:
    """Stores what has grown since the last time, as long as anything grows."""

    def __init__(self) -> None:
        # How much of each is stored.
        self._stored: dict[Growing, int] = {}
        self._task: asyncio.Task[None] | None = None

    def keep(self, answer: Growing, *, stored: int) -> None:
        """Store this answer from now on; `stored` is how much of it is."""
        self._stored.setdefault(answer, stored)
        if self._task is None:
            self._task = asyncio.create_task(self._store())

    def drop(self, answer: Growing) -> None:
        """Store it no more: whoever ends a run writes the whole text."""
        self._stored.pop(answer, None)

    async def _store(self) -> None:
        try:
            while self._stored:
                try:
                    await self._store_once()
                except (DatabaseError, PoolTimeout):
                    logger.warning("answers could not be stored; they are tried again")
                await asyncio.sleep(CHECKPOINT_EVERY_S)
        finally:
            self._task = None

    async def _store_once(self) -> None:
        grown = {
            answer: answer.text
            for answer, stored in self._stored.items()
            if stored < len(answer.text) and not answer.lost
        }
        if not grown:
            return
        mine = await in_database(store, [(answer.attempt, text) for answer, text in grown.items()])
        for answer, text in grown.items():
            if answer not in self._stored:
                continue
            if answer.attempt.run in mine:
                self._stored[answer] = len(text)
            else:
                answer.lost = not await in_database(attempts.holds, answer.attempt)


def store(texts: Sequence[tuple[Attempt, str]]) -> set[int]:
    """Checkpoint these attempts; gives the runs that they hold, but for what others work on."""
    values: dict[str, Any] = {
        "runs": [attempt.run for attempt, _ in texts],
        "attempts": [attempt.attempt for attempt, _ in texts],
        "texts": [text for _, text in texts],
        "lease": LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STORE, values)
        return {run for (run,) in cursor.fetchall()}


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Checkpoints] = WeakKeyDictionary()


def current() -> Checkpoints:
    """Those of the running event loop."""
    return _of_loops.setdefault(asyncio.get_running_loop(), Checkpoints())
