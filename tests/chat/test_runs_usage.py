"""What a run has used, over its steps, its attempts and its end; and who is charged for it."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from accounts.models import User
from chat.agents.fallback import Chain
from chat.agents.models import REQUESTS_MAX, ModelChoice
from chat.database import in_database
from chat.models import DailyUsage, Event, Run
from chat.runs.attempts import Attempt
from chat.runs.lifecycle import RunState
from chat.runs.runner import Runner
from chat.runs.usage import TOKENS_A_REQUEST_MAX, usage_of
from chat.usage import Usage
from tests.chat.test_attempts import claimed, lose, post
from tests.fakes.openai_server import Answer, CallTool, FakeOpenAI, FallSilent, Say

OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


def answered(url: str = OPENAI, model: str | None = "gpt-4o", **usage: int) -> ModelResponse:
    return ModelResponse(
        parts=[TextPart("x")],
        model_name=model,
        provider_name="endpoint",
        provider_url=url,
        usage=RequestUsage(details=None, **usage),
    )


def test_requests_are_summed_and_priced_one_by_one_by_the_list() -> None:
    messages: list[ModelMessage] = [
        ModelRequest(parts=[]),
        answered(input_tokens=1000, output_tokens=100, cache_read_tokens=500),
        ModelRequest(parts=[]),
        answered(input_tokens=2000, output_tokens=10),
    ]
    assert usage_of(messages, elapsed_ms=5) == Usage(
        requests=2,
        input_tokens=3000,
        cached_tokens=500,
        output_tokens=110,
        elapsed_ms=5,
        # 500 at 2.50, 500 cached at 1.25 and 100 at 10; then 2000 at 2.50 and 10 at 10.
        cost_usd=Decimal("0.002875") + Decimal("0.0051"),
    )


UNPRICED = {
    "a server that is no listed provider": answered("http://127.0.0.1:1/v1", input_tokens=9),
    "a model that is not listed": answered(model="mine-7b", input_tokens=9),
    "a response without a model": answered(model=None, input_tokens=9),
    "a response that told no tokens": answered(),
    "more cached tokens than tokens": answered(input_tokens=1, cache_read_tokens=9),
}


@pytest.mark.parametrize("case", UNPRICED)
def test_without_a_known_price_a_request_has_no_cost(case: str) -> None:
    usage = usage_of([UNPRICED[case]], elapsed_ms=0)
    assert (usage.requests, usage.unpriced_requests, usage.cost_usd) == (1, 1, None)
    assert "cost_usd" not in usage.told()


def test_numbers_that_no_model_could_have_used_are_cut() -> None:
    told = answered(input_tokens=10**30, output_tokens=-5, cache_read_tokens=10**30)
    usage = usage_of([told], elapsed_ms=0)
    assert (usage.input_tokens, usage.output_tokens) == (TOKENS_A_REQUEST_MAX, 0)
    assert usage.cost_usd is None


def chain(fake: FakeOpenAI, silence_s: float = 30) -> Chain:
    return Chain(
        choice=ModelChoice(
            name="fake", agent_name="fake", builtin=False, url=fake.url, silence_s=silence_s
        )
    )


def told(run_id: str, kind: str) -> list[dict[str, Any]]:
    events = Event.objects.filter(run_id=run_id, type=kind).order_by("seq")
    return [msgspec.json.decode(event.data) for event in events]


def without_time(usage: dict[str, Any]) -> dict[str, Any]:
    assert usage["elapsed_ms"] >= 0
    return {name: value for name, value in usage.items() if name != "elapsed_ms"}


async def claim(user: User, client_id: str = "c1") -> Attempt:
    posted = await in_database(post, user, client_id)
    return await in_database(claimed, posted.run_id)


async def cut_off(runner: Runner, when: Any) -> None:
    """Let a worker's attempt end in the middle, once `when()` holds."""
    work = asyncio.create_task(runner.run())
    while not when():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_each_step_of_a_model_tells_the_usage_so_far(user: User, fake: FakeOpenAI) -> None:
    fake.will(CallTool("calculate", {"expression": "6*7"}), Say("42."))
    attempt = await claim(user)
    await Runner(attempt, chain(fake)).run()
    steps = [one["usage"] for one in await in_database(told, attempt.run_id, "usage_updated")]
    assert [without_time(usage) for usage in steps] == [
        {"requests": 1, "input_tokens": 11, "output_tokens": 21, "unpriced_requests": 1},
        {"requests": 2, "input_tokens": 22, "output_tokens": 24, "unpriced_requests": 2},
    ]
    [completed] = await in_database(told, attempt.run_id, "agent_completed")
    assert without_time(completed["usage"]) == without_time(steps[-1])
    run = await in_database(Run.objects.get)
    assert run.usage == completed["usage"]
    assert 0 < run.usage["elapsed_ms"] < 60_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_the_built_in_assistant_uses_time_and_nothing_else(user: User) -> None:
    attempt = await claim(user)
    built_in = ModelChoice(name="built-in", agent_name="Netra", builtin=True)
    await Runner(attempt, Chain(choice=built_in)).run()
    assert await in_database(told, attempt.run_id, "usage_updated") == []
    run = await in_database(Run.objects.get)
    assert run.state == RunState.COMPLETED
    assert list(run.usage) == ["elapsed_ms"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_the_steps_of_a_lost_attempt_are_counted_once(user: User, fake: FakeOpenAI) -> None:
    fake.will(CallTool("calculate", {"expression": "6*7"}), FallSilent("It is "), Say("It is 42."))
    first = await claim(user)
    await cut_off(Runner(first, chain(fake)), lambda: len(fake.requests) == 2)
    await in_database(lose, first.run_id)
    second = await in_database(claimed, first.run_id)
    assert without_time(second.usage)["requests"] == 1
    await Runner(second, chain(fake)).run()
    run = await in_database(Run.objects.get)
    assert (run.state, run.partial_text) == (RunState.COMPLETED, "It is 42.")
    # The step that was lost is paid for to the provider, but never told what it used.
    assert without_time(run.usage) == {
        "requests": 2, "input_tokens": 22, "output_tokens": 30, "unpriced_requests": 2,
    }  # fmt: skip
    assert run.usage["elapsed_ms"] >= second.usage["elapsed_ms"]
    row = await in_database(DailyUsage.objects.get)
    assert (row.runs, row.requests, row.input_tokens) == (1, 2, 22)


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_request_that_is_stopped_counts_though_its_tokens_stay_unknown(
    user: User, fake: FakeOpenAI
) -> None:
    fake.will(FallSilent("So far."))
    attempt = await claim(user)
    runner = Runner(attempt, chain(fake))
    await cut_off(runner, lambda: runner.answer.text)
    await runner.finish("stopped")
    run = await in_database(Run.objects.get)
    assert without_time(run.usage) == {
        "requests": 1, "input_tokens": 0, "output_tokens": 0, "unpriced_requests": 1,
    }  # fmt: skip


def many_calls(count: int) -> list[Answer]:
    return [CallTool("calculate", {"expression": "1+1"}, f"call_{n}") for n in range(count)]


LIMITS: dict[str, tuple[list[Answer], str]] = {
    "requests": (many_calls(REQUESTS_MAX), "run_requests"),
    "tokens": ([Say("", thinking="Hm, well.", finish="length")], "output_tokens"),
}


@pytest.mark.parametrize("case", LIMITS)
@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_a_run_that_wants_more_than_it_may_ends_with_its_limit(
    case: str, user: User, fake: FakeOpenAI
) -> None:
    answers, limit = LIMITS[case]
    fake.will(*answers, Say("never asked"))
    attempt = await claim(user)
    await Runner(attempt, chain(fake)).run()
    run = await in_database(Run.objects.get)
    assert run.error is not None
    assert (run.state, run.error["code"]) == (RunState.LIMIT, limit)
    [reached] = await in_database(told, attempt.run_id, "limit_reached")
    assert reached == {"limit": limit, "message": run.error["message"]}
    assert reached["message"].endswith(".")
    [completed] = await in_database(told, attempt.run_id, "agent_completed")
    assert completed["status"] == "limit"
    assert completed["usage"]["requests"] == len(answers) == len(fake.requests)
    kinds = await in_database(lambda: list(Event.objects.order_by("seq").values_list("type")))
    assert kinds[-1] == ("agent_completed",)


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_the_limit_of_requests_holds_over_attempts(user: User, fake: FakeOpenAI) -> None:
    fake.will(*many_calls(REQUESTS_MAX - 1), FallSilent(""))
    first = await claim(user)
    await cut_off(Runner(first, chain(fake)), lambda: len(fake.requests) == REQUESTS_MAX)
    await in_database(lose, first.run_id)
    second = await in_database(claimed, first.run_id)
    fake.will(CallTool("calculate", {"expression": "1+1"}, "last"), Say("never asked"))
    await Runner(second, chain(fake)).run()
    run = await in_database(Run.objects.get)
    assert (run.state, run.usage["requests"]) == (RunState.LIMIT, REQUESTS_MAX)
