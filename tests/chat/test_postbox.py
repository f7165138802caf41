"""Messages that come together are stored together, and what fails of them fails alone."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError, connection, transaction

from accounts.models import User
from billing import services as billing
from billing.errors import LimitReached
from chat import services
from chat.connection.postbox import Postbox
from chat.database import in_database
from chat.errors import ClientIDReused
from chat.models import Message, Run, Thread
from chat.posts import LOCKS_WITHIN_MS
from chat.runs.lifecycle import RunState
from chat.services import Outgoing, Posted

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

USERS = 16


def outgoing(client_id: str = "c1", text: str = "hello", **fields: Any) -> Outgoing:
    return Outgoing(client_id=client_id, text=text, **fields)


async def people(make_user: Callable[[], User], count: int) -> list[User]:
    return await in_database(lambda: [make_user() for _ in range(count)])


def transactions() -> int:
    """In how many messages were stored: those of one have the same time."""
    return Message.objects.values("created_at").distinct().count()


async def test_many_at_once_share_few_transactions(make_user: Callable[[], User]) -> None:
    users, postbox = await people(make_user, USERS), Postbox()
    posted = await asyncio.gather(*(postbox.post(user, outgoing()) for user in users))
    assert {one.seq for one in posted} == {1}
    assert not any(one.duplicate for one in posted)
    assert len({one.thread for one in posted}) == USERS
    assert await in_database(transactions) <= 6
    again = await asyncio.gather(*(postbox.post(user, outgoing()) for user in users))
    assert all(one.duplicate for one in again)
    assert [one.message_id for one in again] == [one.message_id for one in posted]


async def test_each_refusal_and_failure_is_its_senders_alone(
    make_user: Callable[[], User],
) -> None:
    users, postbox = await people(make_user, USERS), Postbox()
    *_, used_up, reuses, broken, waits = users
    await in_database(billing.consume, user=used_up, feature="messages_minute", amount=30, key="x")
    await in_database(services.post_message, user=reuses, message=outgoing(text="another"))
    await in_database(services.post_message, user=waits, message=outgoing("c0"))
    # PostgreSQL has no such character, and takes none of the others with it.
    messages = [outgoing(text="\0" if user is broken else "hello") for user in users]
    answers = await asyncio.gather(
        *(postbox.post(user, message) for user, message in zip(users, messages, strict=True)),
        return_exceptions=True,
    )
    kinds = {user.pk: type(answer) for user, answer in zip(users, answers, strict=True)}
    refused = {used_up.pk: LimitReached, reuses.pk: ClientIDReused, broken.pk: DataError}
    assert kinds == dict.fromkeys(kinds, Posted) | refused
    runs = Run.objects.filter(user=waits, state=RunState.QUEUED, job_id=None)
    assert await in_database(runs.count) == 1


async def test_of_one_user_all_are_stored_and_each_once(make_user: Callable[[], User]) -> None:
    users, postbox = await people(make_user, 8), Postbox()
    sends = [(users[0], f"c{n % 4}") for n in range(12)] + [(user, "c1") for user in users[1:]]
    posted = await asyncio.gather(*(postbox.post(user, outgoing(name)) for user, name in sends))
    mine, others = posted[:12], posted[12:]
    assert len({one.message_id for one in mine}) == 4
    assert sum(one.duplicate for one in mine) == 8
    assert not any(one.duplicate for one in others)
    jobs = Run.objects.filter(user=users[0]).exclude(job_id=None)
    assert await in_database(jobs.count) == 1


async def test_who_waits_for_a_lock_or_gives_up_holds_up_nobody(
    make_user: Callable[[], User],
) -> None:
    users, postbox = await people(make_user, 12), Postbox()
    stuck, others = users[:6], users[6:]
    first = await asyncio.gather(*(postbox.post(user, outgoing("c0")) for user in stuck))
    held, free = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        with transaction.atomic():
            list(Thread.objects.select_for_update().order_by("pk"))
            loop.call_soon_threadsafe(held.set)
            asyncio.run_coroutine_threadsafe(free.wait(), loop).result(20)
        connection.close()

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await held.wait()
    threads = {user.pk: one.thread_id for user, one in zip(stuck, first, strict=True)}
    waiting = [
        asyncio.create_task(postbox.post(user, outgoing(thread_id=threads[user.pk])))
        for user in stuck
    ]
    async with asyncio.timeout(10 * LOCKS_WITHIN_MS / 1000):
        posted = await asyncio.gather(*(postbox.post(user, outgoing()) for user in others))
    assert len(posted) == len(others)
    assert not any(task.done() for task in waiting)
    waiting[-1].cancel()
    free.set()
    await holding
    assert {(await task).seq for task in waiting[:-1]} == {2}
