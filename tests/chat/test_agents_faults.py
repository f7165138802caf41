"""An OpenAI-compatible endpoint over real HTTP: streams, tool calls, Stop, and every fault."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from chat.agents.faults import ModelFault, provider_faults
from chat.agents.models import ModelChoice, build_agent
from netra.env import Secret
from tests.chat.agents_world import World
from tests.fakes.openai_server import (
    CallTool,
    Cut,
    FakeOpenAI,
    FallSilent,
    Garble,
    Refuse,
    Say,
)

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


def choice(fake: FakeOpenAI, *, silence_s: float = 5) -> ModelChoice:
    return ModelChoice(
        name="fake-model",
        agent_name="fake-model",
        builtin=False,
        url=fake.url,
        key=Secret(KEY),
        silence_s=silence_s,
    )


@pytest.mark.asyncio
async def test_text_and_thinking_stream_and_are_counted(fake: FakeOpenAI) -> None:
    fake.will(Say("Grüße from the endpoint.", thinking="Let me greet."))
    outcome = await World().run(build_agent(choice(fake)), "Hello")

    assert outcome.text == "Grüße from the endpoint."
    assert outcome.thoughts == ["Let me greet."]
    assert outcome.usage.input_tokens == 11
    assert outcome.usage.output_tokens == 24
    assert fake.requests[0].path == "/v1/chat/completions"
    assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.asyncio
async def test_a_connected_model_uses_the_usage_tool_on_an_attached_file(fake: FakeOpenAI) -> None:
    world = World()
    world.attach("usage.csv", b"model,cost_usd\ngpt-4o,0.10\ngpt-4o,0.20\n")
    fake.will(CallTool("analyse_usage", {}), Say("You spent $0.30."))
    outcome = await world.run(build_agent(choice(fake)), "What did I spend?")

    assert outcome.text == "You spent $0.30."
    system, _user = fake.requests[0].body["messages"]
    assert "['usage.csv']" in system["content"]
    assert [name for _, name, _ in world.executed] == ["analyse_usage"]
    returned = fake.requests[1].body["messages"][-1]
    assert returned["role"] == "tool"
    assert returned["tool_call_id"] == "call_fake_1"
    assert '"cost":"0.30"' in returned["content"].replace(" ", "")


@pytest.mark.asyncio
async def test_a_connected_model_is_offered_no_tool_of_the_built_in_assistant(
    fake: FakeOpenAI,
) -> None:
    fake.will(Say("Hi."))
    await World().run(build_agent(choice(fake)), "Hello")

    offered = {tool["function"]["name"] for tool in fake.requests[0].body["tools"]}
    assert offered == {
        *("analyse_usage", "calculate", "compare_prices"),
        *("read_attachment", "search_docs", "search_threads", "show_account"),
    }


@pytest.mark.asyncio
async def test_wrong_arguments_reach_the_model_as_words_and_the_run_goes_on(
    fake: FakeOpenAI,
) -> None:
    fake.will(CallTool("calculate", {"sum": "1+1"}), Say("I cannot."))
    outcome = await World().run(build_agent(choice(fake)), "1+1?")

    assert outcome.text == "I cannot."
    assert (
        "arguments of calculate are not valid" in fake.requests[1].body["messages"][-1]["content"]
    )


@pytest.mark.asyncio
async def test_malformed_arguments_are_sent_back_to_the_model(fake: FakeOpenAI) -> None:
    fake.will(CallTool("calculate", '{"expression": '), Say("Never mind."))
    outcome = await World().run(build_agent(choice(fake)), "1+1?")

    assert outcome.text == "Never mind."


FAULTS = [
    (Refuse(401, f"Incorrect API key provided: {KEY}"), "model_unauthorized", False),
    (Refuse(403, "no access"), "model_unauthorized", False),
    (Refuse(404, "no such model", code="model_not_found"), "model_not_found", False),
    (Refuse(429, "slow down"), "model_rate_limited", True),
    (Refuse(429, "pay up", code="insufficient_quota"), "model_quota_exceeded", False),
    (Refuse(400, "too long", code="context_length_exceeded"), "model_context_too_long", False),
    (Refuse(400, "bad"), "model_request_rejected", False),
    (Refuse(500, "oops"), "model_server_error", True),
    (Refuse(503, "overloaded"), "model_unavailable", True),
    (Cut("Half an ans"), "model_stream_cut", True),
    (Garble("Half an ans"), "model_protocol_error", True),
    (Say("No ending", finish=None), "model_protocol_error", True),
    (FallSilent("Half an ans"), "model_timeout", True),
]  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize(("answer", "code", "retryable"), FAULTS)
async def test_each_fault_of_a_provider_is_one_sentence_with_a_code(
    fake: FakeOpenAI, answer: Refuse | Cut | Garble | Say | FallSilent, code: str, retryable: bool
) -> None:
    fake.will(answer)
    world = World()
    with pytest.raises(ModelFault) as caught, provider_faults():
        await world.run(build_agent(choice(fake, silence_s=0.5)), "Hello")

    assert caught.value.code == code
    assert caught.value.retryable is retryable
    assert caught.value.message.endswith(".")
    assert KEY not in f"{caught.value!r} {caught.value.message} {vars(caught.value)}"
    assert caught.value.__cause__ is None
    assert len(fake.requests) == 1


@pytest.mark.asyncio
async def test_a_rate_limit_says_when_to_come_back(fake: FakeOpenAI) -> None:
    fake.will(Refuse(429, "slow down", headers={"Retry-After": "17"}))
    with pytest.raises(ModelFault) as caught, provider_faults():
        await World().run(build_agent(choice(fake)), "Hello")

    assert caught.value.retry_after_s == 17
    assert caught.value.message.endswith("; try again in 17 s.")


@pytest.mark.asyncio
async def test_the_text_before_a_cut_has_been_seen(fake: FakeOpenAI) -> None:
    fake.will(Cut("Half an ans"))
    world = World()
    with pytest.raises(ModelFault), provider_faults():
        await world.run(build_agent(choice(fake)), "Hello")

    assert world.text == "Half an ans"


@pytest.mark.asyncio
async def test_a_refused_connection_is_a_fault(fake: FakeOpenAI) -> None:
    chosen = choice(fake)
    fake.stop()
    with pytest.raises(ModelFault) as caught, provider_faults():
        await World().run(build_agent(chosen), "Hello")

    assert caught.value.code == "model_unreachable"


@pytest.mark.asyncio
async def test_cancelling_a_run_closes_the_providers_connection_and_keeps_the_text(
    fake: FakeOpenAI,
) -> None:
    fake.will(Say("word " * 400, pause_s=0.01))
    world = World()
    task = asyncio.create_task(world.run(build_agent(choice(fake)), "Talk"))
    while len(world.text) < 20:
        await asyncio.sleep(0.01)
    stopped_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    # It would go on for almost four seconds.
    assert time.monotonic() - stopped_at < 2.5
    assert await asyncio.to_thread(fake.client_left.wait, 10)
    assert world.text in "word " * 400
