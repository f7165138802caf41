"""The one way from the event loop to PostgreSQL: a bounded set of threads a process."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")

# Bounded, so that a burst of sockets waits here and not inside PostgreSQL.
DB_THREADS = ThreadPoolExecutor(settings.NETRA_DB_THREADS, thread_name_prefix="netra-db")
# A connection that was kept for longer goes by the pool, which asks whether it still lives.
KEPT_S_MAX: Final = 1.0


class _Calls:
    """How many calls the loop has made that have not ended."""

    under_way = 0


class _Kept(threading.local):
    """When a thread last ended a call with a connection in its hands."""

    at = float("-inf")


_calls: Final = _Calls()
_kept: Final = _Kept()


async def in_database(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function` in a database thread; its connection goes back to the pool afterwards.

    Where other calls wait, the thread's next one is handed it instead: to take one from the pool
    is a question to PostgreSQL.
    """
    call = partial(contextvars.copy_context().run, _call, partial(function, *args, **kwargs))
    _calls.under_way += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(DB_THREADS, call)
    finally:
        _calls.under_way -= 1


def _call(function: Callable[[], R]) -> R:
    if time.monotonic() - _kept.at > KEPT_S_MAX:
        close_old_connections()
    try:
        return function()
    finally:
        _kept.at = time.monotonic()
        if _calls.under_way <= settings.NETRA_DB_THREADS or _is_doubtful():
            close_old_connections()


def _is_doubtful() -> bool:
    return any(one.errors_occurred for one in connections.all(initialized_only=True))
