"""A streaming replica of PostgreSQL that reads of history may go to, where one is configured.

Whoever reads there sees all that was committed before: the primary says how far it is, and a
replica that has not come as far within a few milliseconds is left alone, as is one that is away.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from typing import Any, Final, ParamSpec, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from netra.tally import TALLY

P = ParamSpec("P")
R = TypeVar("R")

ALIAS: Final = "replica"
# More than a sound replica needs, and less than anybody notices.
CATCHES_UP_WITHIN_S: Final = 0.05
LOOKED_AGAIN_AFTER_S: Final = 0.005
# Nobody waits for a replica that somebody waited for in vain, until then.
BEHIND_FOR_S: Final = 1.0
AWAY_FOR_S: Final = 5.0
# Where commits do not wait for the log to be written, what is visible may lie beyond that.
POSITION: Final = """
SELECT (CASE current_setting('synchronous_commit')
    WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END)::text
"""
# One that was promoted is another database from then on.
_HAS_COME_TO: Final = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn"

logger = structlog.get_logger(__name__)
_alias: Final = ContextVar("netra_database_read", default=DEFAULT_DB_ALIAS)


class HistoryIsReadOnly(Exception):
    """Something that `read_history` was given writes; `model` says what."""

    def __init__(self, model: type[Model]) -> None:
        super().__init__(model.__name__)
        self.model = model


class Router:
    """Django's reads go where `read_history` says, its writes and migrations to the primary."""

    def db_for_read(self, _model: type[Model], **_hints: Any) -> str:
        return _alias.get()

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        if _alias.get() == ALIAS:
            raise HistoryIsReadOnly(model)
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_rows: Model, **_hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, *_names: str, **_hints: Any) -> bool:
        return db != ALIAS


class _Rest:
    """Until when (monotonic seconds) the replica is left alone."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._lock = Lock()

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def begin(self, seconds: float) -> bool:
        """Whether it was at work before: of many that find it away one says so."""
        with self._lock:
            begins = self.is_over()
            self._until = time.monotonic() + seconds
            return begins


REST: Final = _Rest()


def connection() -> BaseDatabaseWrapper:
    """Where SQL of our own reads: the replica inside of `read_history`, if it is at work."""
    return connections[_alias.get()]


def alias() -> str:
    """The same by its name, for `transaction.atomic`."""
    return _alias.get()


def read_history(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """What `function` returns, which only reads; it is called again where the replica fails midway.

    In a transaction the primary reads: only there its own rows are seen.
    """
    if ALIAS not in connections or connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return function(*args, **kwargs)
    if not REST.is_over():
        TALLY.history_reads.add("primary")
        return function(*args, **kwargs)
    try:
        if _has_caught_up():
            answer = _read_there(function, *args, **kwargs)
            TALLY.history_reads.add("replica")
            return answer
        REST.begin(BEHIND_FOR_S)
    except Error as error:
        if REST.begin(AWAY_FOR_S):
            logger.warning("replica_away", error=type(error).__name__)
        # Whatever became of it: the next one gets another.
        connections[ALIAS].close()
    TALLY.history_reads.add("primary")
    return function(*args, **kwargs)


def _read_there(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    token = _alias.set(ALIAS)
    try:
        return function(*args, **kwargs)
    finally:
        _alias.reset(token)


def _has_caught_up() -> bool:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(POSITION)
        (position,) = cursor.fetchone()
    deadline = time.monotonic() + CATCHES_UP_WITHIN_S
    while not _has_come_to(position):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOKED_AGAIN_AFTER_S)
    return True


def _has_come_to(position: str) -> bool:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_HAS_COME_TO, [position])
        (has_come,) = cursor.fetchone()
        return bool(has_come)
