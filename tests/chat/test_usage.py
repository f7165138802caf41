"""Usage of threads, and of users by day and model: added once per run, also at the same moment."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from chat import services
from chat.agents.answers import plain_answers
from chat.agents.tools.registry import ToolCall
from chat.agents.tools.show_account import AccountQuestion, ModelUse, show_account
from chat.models import DailyUsage, Run, Thread
from chat.protocol.events import Fault
from chat.runs import attempts, reaper
from chat.runs.account import account_facts
from chat.usage import Usage, add_to_day, thread_usage, usage_by_model, usage_from
from tests.chat.agents_world import World
from tests.chat.races import at_once
from tests.chat.test_attempts import claimed, lose, post

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
DAY = AT.date()
TOLD = Usage(
    requests=2, input_tokens=1000, cached_tokens=200, output_tokens=50, elapsed_ms=1500,
    cost_usd=Decimal("0.0031"),
).told()  # fmt: skip
FAULT = Fault(code="internal", message="It broke.", retryable=True)


def add(user: User, model: str = "gpt-4o", told: dict[str, Any] = TOLD, at: datetime = AT) -> None:
    add_to_day(user=user.pk, model=model, told=told, at=at)


def of_day(user: User, day: date = DAY) -> dict[str, tuple[int, Usage]]:
    return {
        one.model: (one.runs, one.usage) for one in usage_by_model(user.pk, since=day, until=day)
    }


SPELLINGS: list[tuple[Usage, dict[str, Any]]] = [
    (Usage(elapsed_ms=7), {"elapsed_ms": 7}),
    (
        Usage(requests=1, elapsed_ms=7, unpriced_requests=1),
        {
            "requests": 1, "input_tokens": 0, "output_tokens": 0, "elapsed_ms": 7,
            "unpriced_requests": 1,
        },
    ),
    (
        usage_from(TOLD),
        {
            "requests": 2, "input_tokens": 1000, "output_tokens": 50, "elapsed_ms": 1500,
            "cached_tokens": 200, "cost_usd": "0.0031",
        },
    ),
    (
        Usage(requests=1, cost_usd=Decimal("0.000000075000")),
        {
            "requests": 1, "input_tokens": 0, "output_tokens": 0, "elapsed_ms": 0,
            "cost_usd": "0.000000075",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("usage", "told"), SPELLINGS)
def test_usage_is_spelled_one_way_and_read_back(usage: Usage, told: dict[str, Any]) -> None:
    assert usage.told() == told
    assert usage_from(told) == usage


def test_a_day_and_model_have_one_row_that_grows_by_each_run(user: User) -> None:
    add(user)
    add(user)
    add(user, "llama3", Usage(requests=1, unpriced_requests=1, input_tokens=9).told())
    add(user, "built-in", Usage(elapsed_ms=30).told())
    add(user, at=AT + timedelta(minutes=1))
    runs, usage = of_day(user)["gpt-4o"]
    assert runs == 2
    assert (usage.requests, usage.input_tokens, usage.output_tokens) == (4, 2000, 100)
    assert (usage.cached_tokens, usage.elapsed_ms) == (400, 3000)
    assert usage.cost_usd == Decimal("0.0062")
    assert of_day(user)["llama3"][1].cost_usd is None
    assert of_day(user)["built-in"] == (1, Usage(elapsed_ms=30))
    assert of_day(user, DAY + timedelta(days=1))["gpt-4o"][0] == 1
    assert DailyUsage.objects.count() == 4


def test_a_day_is_one_of_utc_wherever_the_time_was_told(user: User) -> None:
    add(user, at=datetime.fromisoformat("2026-11-23T00:30:00+01:00"))
    assert DailyUsage.objects.get().day == DAY


@pytest.mark.django_db(transaction=True)
def test_runs_that_end_at_the_same_moment_are_all_counted(user: User) -> None:
    def add_some() -> None:
        for _ in range(20):
            add(user)

    calls: list[Callable[[], None]] = [add_some] * 8
    at_once(calls)
    row = DailyUsage.objects.get()
    assert (row.runs, row.requests, row.input_tokens) == (160, 320, 160_000)
    assert row.cost_usd == Decimal("0.0031") * 160


@pytest.mark.parametrize("column", ["runs", "requests", "input_tokens", "elapsed_ms", "cost_usd"])
def test_the_database_takes_nothing_negative(column: str, user: User) -> None:
    add(user)
    with pytest.raises(IntegrityError), transaction.atomic():
        DailyUsage.objects.update(**{column: -1})


def test_the_database_has_one_row_for_a_user_day_and_model(user: User) -> None:
    add(user)
    row = DailyUsage.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError, match="daily_usage_once"), transaction.atomic():
        row.save(force_insert=True)


def test_each_run_counts_once_on_its_day_however_it_ends(user: User) -> None:
    for number, status in enumerate(("completed", "stopped", "failed", "limit")):
        attempt = claimed(post(user, f"c{number}").run_id)
        error = None if status in ("completed", "stopped") else FAULT
        attempts.finish(attempt, status=status, text="x", usage=TOLD, error=error)  # type: ignore[arg-type]  # one of them
    today = timezone.now().date()
    assert of_day(user, today)["built-in"][0] == 4
    assert of_day(user, today)["built-in"][1].requests == 8


def test_a_run_that_never_began_is_not_counted(user: User) -> None:
    first = post(user)
    claimed(first.run_id)
    second = post(user, "c2", first.thread_id)
    services.stop_run(user=user, run_id=second.run_id)
    assert not DailyUsage.objects.exists()
    assert thread_usage(first.thread)["runs"] == 1


def test_the_steps_of_lost_attempts_are_counted_when_the_run_is_buried(user: User) -> None:
    run_id = post(user).run_id
    for _ in range(2):
        attempts.end_step(claimed(run_id), "", history="[]", usage=TOLD)
        lose(run_id)
    reaper.reap()
    assert Run.objects.get().usage == TOLD
    assert of_day(user, timezone.now().date())["built-in"] == (1, usage_from(TOLD))


def test_what_was_used_outlives_the_thread(user: User) -> None:
    posted = post(user)
    attempts.finish(claimed(posted.run_id), status="completed", text="x", usage=TOLD)
    Thread.objects.all().delete()
    assert of_day(user, timezone.now().date())["built-in"][0] == 1
    assert thread_usage(posted.thread) == {"runs": 0, "elapsed_ms": 0}


def test_a_thread_has_used_what_all_its_runs_have(user: User) -> None:
    first = post(user)
    assert thread_usage(first.thread) == {"runs": 0, "elapsed_ms": 0}
    attempts.finish(claimed(first.run_id), status="completed", text="x", usage=TOLD)
    second = post(user, "c2", first.thread_id)
    broken = Usage(requests=1, unpriced_requests=1, elapsed_ms=10).told()
    attempts.finish(claimed(second.run_id), status="stopped", text="x", usage=broken)
    assert thread_usage(first.thread) == {
        "runs": 2, "requests": 3, "unpriced_requests": 1, "input_tokens": 1000,
        "cached_tokens": 200, "output_tokens": 50, "elapsed_ms": 1510, "cost_usd": "0.0031",
    }  # fmt: skip


def test_others_and_other_days_are_left_out(make_user: Callable[[], User]) -> None:
    ada, eve = make_user(), make_user()
    add(ada)
    add(ada, at=AT - timedelta(days=40))
    add(eve)
    month = usage_by_model(ada.pk, since=DAY.replace(day=1), until=DAY)
    assert [(one.model, one.runs) for one in month] == [("gpt-4o", 1)]


def test_an_account_is_told_what_it_used_today_and_this_month(user: User) -> None:
    now = timezone.now()
    add(user, at=now)
    add(user, at=now.replace(day=1))
    facts = account_facts(user.pk)
    assert [one.model for one in facts.today] == ["gpt-4o"]
    assert facts.today[0].runs == (2 if now.day == 1 else 1)
    assert facts.this_month[0].usage.input_tokens == 2000


@pytest.mark.asyncio
async def test_the_answer_about_an_account_names_tokens_cost_and_what_has_no_price() -> None:
    call = ToolCall(call_id="call_1", context=World().context())
    account = await show_account(call, AccountQuestion())
    plain = plain_answers.account(account)
    assert "Today" not in plain
    used = ModelUse(
        model="gpt-4o", runs=3, requests=4, unpriced_requests=1, input_tokens=12_000,
        output_tokens=340, cost_usd=Decimal("1.5"), elapsed_ms=9,
    )  # fmt: skip
    builtin = ModelUse(
        model="built-in", runs=1, requests=0, unpriced_requests=0, input_tokens=0,
        output_tokens=0, cost_usd=None, elapsed_ms=9,
    )  # fmt: skip
    told = plain_answers.account(
        account.model_copy(update={"today": [builtin], "this_month": [used, builtin]})
    )
    assert "| `gpt-4o` | 3 | 12,000 | 340 | $1.50 |" in told
    assert "| `built-in` | 1 | – | – | – |" in told
    assert "1 model request has no known cost and is left out" in told
