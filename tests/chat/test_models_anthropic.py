"""Anthropic's protocol over real HTTP: text, thoughts, tools, and every fault in one sentence."""

from collections.abc import Iterator

import pytest

from chat.agents.faults import ModelFault, provider_faults
from chat.agents.models import ModelChoice, build_agent
from chat.model_rows import Protocol
from netra.env import Secret
from tests.chat.agents_world import World
from tests.fakes.anthropic_server import SIGNATURE, FakeAnthropic
from tests.fakes.openai_server import Answer, CallTool, Cut, FallSilent, Garble, Refuse, Say

KEY = "sk-ant-very-secret-0123456789"


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as server:
        yield server


def choice(fake: FakeAnthropic, *, thinks: bool = False, silence_s: float = 5) -> ModelChoice:
    return ModelChoice(
        name="claude-sonnet-5",
        agent_name="Claude",
        builtin=False,
        protocol=Protocol.ANTHROPIC,
        url=fake.url,
        key=Secret(KEY),
        thinks=thinks,
        silence_s=silence_s,
    )


@pytest.mark.asyncio
async def test_text_and_thoughts_stream_are_counted_and_go_back_signed(fake: FakeAnthropic) -> None:
    world = World()
    agent = build_agent(choice(fake, thinks=True))
    fake.will(Say("Grüße from the endpoint.", thinking="Let me greet."), Say("Again."))
    outcome = await world.run(agent, "Hello")

    assert (outcome.text, world.text) == ("Grüße from the endpoint.", "Grüße from the endpoint.")
    assert outcome.thoughts == ["Let me greet."]
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (11, 24)
    await world.run(agent, "Once more")
    first, second = fake.requests
    assert first.path.startswith("/v1/messages")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.body["thinking"]["type"] in ("enabled", "adaptive")
    assert SIGNATURE in str(second.body["messages"])


@pytest.mark.asyncio
async def test_it_is_given_the_same_tools_and_calls_them(fake: FakeAnthropic) -> None:
    world = World()
    world.attach("usage.csv", b"model,cost_usd\ngpt-4o,0.10\ngpt-4o,0.20\n")
    fake.will(CallTool("analyse_usage", {}, text="Looking. "), Say("You spent $0.30."))
    outcome = await world.run(build_agent(choice(fake)), "What did I spend?")

    assert (outcome.text, world.text) == ("You spent $0.30.", "Looking. You spent $0.30.")
    assert [name for _, name, _ in world.executed] == ["analyse_usage"]
    first, second = fake.requests
    assert {tool["name"] for tool in first.body["tools"]} >= {
        *("analyse_usage", "calculate", "compare_prices"),
        *("read_attachment", "search_docs", "search_threads", "show_account"),
    }
    assert "thinking" not in first.body
    assert "['usage.csv']" in str(first.body["system"])
    assert "0.30" in str(second.body["messages"][-1])


FAULTS: list[tuple[Answer, str, bool]] = [
    (Refuse(401, f"invalid x-api-key {KEY}"), "model_unauthorized", False),
    (Refuse(403, "no access"), "model_unauthorized", False),
    (Refuse(404, "model: claude"), "model_not_found", False),
    (Refuse(429, "slow down", headers={"Retry-After": "17"}), "model_rate_limited", True),
    (Refuse(400, "prompt is too long: 9 tokens > 8 maximum"), "model_context_too_long", False),
    (Refuse(400, "Your credit balance is too low"), "model_quota_exceeded", False),
    (Refuse(400, "bad"), "model_request_rejected", False),
    (Refuse(500, "oops"), "model_server_error", True),
    (Refuse(529, "Overloaded"), "model_unavailable", True),
    (Cut("Half an ans"), "model_stream_cut", True),
    (Garble("Half an ans"), "model_protocol_error", True),
    (FallSilent("Half an ans"), "model_timeout", True),
    (Say("", thinking="Hm, well.", finish="length"), "output_tokens", True),
]  # fmt: skip


@pytest.mark.asyncio
async def test_each_fault_is_one_sentence_with_a_code(fake: FakeAnthropic) -> None:
    agent = build_agent(choice(fake, silence_s=0.3))
    for answer, code, retryable in FAULTS:
        fake.will(answer)
        with pytest.raises(ModelFault) as caught, provider_faults():
            await World().run(agent, "Hello")

        fault = caught.value
        assert (fault.code, fault.retryable) == (code, retryable), answer
        assert fault.message.endswith(".")
        assert KEY not in f"{fault!r} {fault.message} {vars(fault)}"
        if code == "model_rate_limited":
            assert fault.retry_after_s == 17
    assert len(fake.requests) == len(FAULTS)
