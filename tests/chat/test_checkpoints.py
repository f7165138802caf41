"""Texts that grow are stored together, by whoever holds their runs, and never taken back."""

import asyncio

import pytest
from django.db import connection, transaction

from accounts.models import User
from chat.database import in_database
from chat.models import Run
from chat.runs import attempts, checkpoints
from chat.runs.answer import AnswerText
from chat.runs.attempts import Attempt
from tests.chat.test_turns import claimed, post

pytestmark = pytest.mark.django_db(transaction=True)
HAPPENS_WITHIN_S = 20.0


def texts() -> list[str]:
    return list(Run.objects.order_by("pk").values_list("partial_text", flat=True))


def working(user: User, count: int) -> list[Attempt]:
    return [claimed(post(user, f"c{number}").run_id) for number in range(count)]


def test_all_are_stored_with_their_leases(payer: User) -> None:
    mine = working(payer, 3)
    Run.objects.update(lease_until=None)
    stored = checkpoints.store([(attempt, f"text {n}") for n, attempt in enumerate(mine)])
    assert stored == {attempt.run for attempt in mine}
    assert texts() == ["text 0", "text 1", "text 2"]
    assert not Run.objects.filter(lease_until=None).exists()


def test_a_lost_attempt_writes_nothing(payer: User) -> None:
    first, second = working(payer, 2)
    Run.objects.filter(pk=first.run).update(attempt=2, partial_text="the next one's")
    assert checkpoints.store([(first, "a longer text than that"), (second, "mine")]) == {second.run}
    assert texts() == ["the next one's", "mine"]


def test_what_was_stored_since_is_not_taken_back(user: User) -> None:
    [attempt] = working(user, 1)
    attempts.checkpoint(attempt, "all that there is")
    assert checkpoints.store([(attempt, "all that")]) == {attempt.run}
    assert texts() == ["all that there is"]


@pytest.mark.asyncio
async def test_a_row_that_somebody_holds_is_not_waited_for_and_not_lost(payer: User) -> None:
    mine = await in_database(working, payer, 2)
    answers = [AnswerText(attempt) for attempt in mine]
    held, let_go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        with transaction.atomic():
            Run.objects.select_for_update().get(pk=mine[0].run)
            loop.call_soon_threadsafe(held.set)
            asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(HAPPENS_WITHIN_S)
        connection.close()

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await held.wait()
    for answer in answers:
        answer.add("a text")
        answer.flush()
    await stored(1, "a text")
    assert not answers[0].lost
    let_go.set()
    await holding
    await stored(0, "a text")
    for answer in answers:
        answer.close()


@pytest.mark.asyncio
async def test_an_answer_whose_run_went_elsewhere_is_told_so(user: User) -> None:
    [attempt] = await in_database(working, user, 1)
    await in_database(Run.objects.filter(pk=attempt.run).update, attempt=2)
    answer = AnswerText(attempt)
    answer.add("a text")
    answer.flush()
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while not answer.lost:
            await asyncio.sleep(0.02)
    answer.close()


async def stored(index: int, text: str) -> None:
    async with asyncio.timeout(HAPPENS_WITHIN_S):
        while (await in_database(texts))[index] != text:
            await asyncio.sleep(0.02)
