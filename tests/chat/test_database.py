import asyncio

import pytest
from django.conf import settings
from django.db import connection

from chat.database import in_database

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def backend_that_dies() -> int:
    pid = backend()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    return pid


def lent() -> int:
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # the stubs know no pools
    return int(stats["pool_size"] - stats["pool_available"])


async def test_connections_are_handed_on_under_load_and_given_back_after_it() -> None:
    calls = settings.NETRA_DB_THREADS * 5
    found = await asyncio.gather(*(in_database(backend) for _ in range(calls)))
    # One that a thread gave back is in the pool, with those that it keeps ready.
    assert len(set(found)) <= connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    # The threads may still keep theirs for a next call, and the test itself has one; one that the
    # pool is still opening counts, too.
    async with asyncio.timeout(10):
        while await in_database(lent) > settings.NETRA_DB_THREADS + 1:
            await asyncio.sleep(0.05)


async def test_a_connection_that_died_is_not_handed_on() -> None:
    calls = settings.NETRA_DB_THREADS * 3
    answers = await asyncio.gather(
        *(in_database(backend_that_dies) for _ in range(calls)), return_exceptions=True
    )
    assert all(isinstance(answer, Exception) for answer in answers)
    assert len(await asyncio.gather(*(in_database(backend) for _ in range(calls)))) == calls
