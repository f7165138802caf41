"""The one way from the event loop to PostgreSQL: a bounded set of threads a process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.conf import settings

P = ParamSpec("P")
R = TypeVar("R")

# Bounded, so that a burst of sockets waits here and not inside PostgreSQL.
DB_THREADS = ThreadPoolExecutor(settings.NETRA_DB_THREADS, thread_name_prefix="netra-db")


async def in_database(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function` in a database thread; its connection goes back to the pool afterwards."""
    call = database_sync_to_async(function, thread_sensitive=False, executor=DB_THREADS)
    return await call(*args, **kwargs)
