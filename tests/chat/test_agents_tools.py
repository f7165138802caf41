"""The registry, the one way around every call, and the small tools."""

import asyncio
from decimal import Decimal

import pytest
from pydantic import BaseModel, JsonValue
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from chat.agents.tools import TOOLS
from chat.agents.tools.calculate import evaluate
from chat.agents.tools.compare_prices import PriceQuestion, compare_prices
from chat.agents.tools.registry import (
    Tool,
    ToolCall,
    ToolContext,
    ToolFault,
    run_with_timeout,
    tool,
)
from chat.agents.toolset import RESULT_BYTES_MAX, JournalledToolset
from tests.chat.agents_world import World


class Wish(BaseModel):
    text: str = ""
    size: int = 0


class Granted(BaseModel):
    text: str


async def grant(call: ToolCall, wish: Wish) -> Granted:
    if wish.text == "fault":
        raise ToolFault("no_luck", "That wish cannot be granted.")
    if wish.text == "slow":
        await asyncio.sleep(5)
    return Granted(text=wish.text + "x" * wish.size)


def genie(**changes: object) -> Tool:
    made = {
        "name": "grant", "description": "Grant a wish.", "function": grant, "arguments": Wish,
        "replayable": False, "timeout_s": 0.05,
    }  # fmt: skip
    return Tool(**(made | changes))  # type: ignore[arg-type]  # a table of overrides


async def returned(the_tool: Tool, args: dict[str, JsonValue]) -> ToolReturnPart:
    """What the model sees of a call."""
    seen: list[ToolReturnPart] = []

    def model(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        seen.extend(part for part in messages[-1].parts if isinstance(part, ToolReturnPart))
        if seen:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart(the_tool.name, args, tool_call_id="call_1")])

    agent: Agent[ToolContext, str] = Agent(
        FunctionModel(model), deps_type=ToolContext, toolsets=[JournalledToolset([the_tool])]
    )
    result = await agent.run("wish", deps=World().context())
    assert result.output == "done"
    return seen[0]


@pytest.mark.asyncio
async def test_a_result_reaches_the_model_as_json() -> None:
    part = await returned(genie(), {"text": "peace"})

    assert (part.outcome, part.content, part.tool_call_id) == (
        "success",
        {"text": "peace"},
        "call_1",
    )


FAILURES: list[tuple[dict[str, object], dict[str, JsonValue], str]] = [
    ({}, {"text": "fault"}, "That wish cannot be granted."),
    ({}, {"text": "slow"}, "took longer than 0.05 seconds"),
    ({}, {"text": 7}, "not valid: text"),
    ({}, {"size": RESULT_BYTES_MAX}, "more than it may return"),
    ({"approval": True}, {"text": "peace"}, "needs the user's approval"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("changes", "args", "words"), FAILURES)
async def test_a_failure_is_a_sentence_for_the_model_and_the_run_goes_on(
    changes: dict[str, object], args: dict[str, JsonValue], words: str
) -> None:
    part = await returned(genie(**changes), args)

    assert part.outcome == "failed"
    assert words in str(part.content)


@pytest.mark.asyncio
async def test_a_tool_without_approval_runs_within_its_time() -> None:
    async def call() -> JsonValue:
        return 1

    assert await run_with_timeout("call_1", genie(), {}, call) == 1


def test_a_tool_needs_a_docstring_and_a_typed_argument() -> None:
    async def undocumented(call: ToolCall, wish: Wish) -> Granted:
        return Granted(text="")

    with pytest.raises(TypeError, match="docstring"):
        tool(replayable=True)(undocumented)


def test_every_registered_tool_has_a_description_and_a_schema() -> None:
    assert [it.name for it in TOOLS] == sorted(it.name for it in TOOLS)
    assert {"analyse_usage", "calculate", "compare_prices", "show_account"} < {
        it.name for it in TOOLS
    }
    for it in TOOLS:
        assert len(it.description) > 30
        assert it.arguments.model_json_schema()["type"] == "object"
        assert it.arguments.model_json_schema()["additionalProperties"] is False
        assert 0 < it.timeout_s <= 60


VALUES = [
    ("0.1 + 0.2", "0.3"),
    ("2 ** 100", "1267650600228229401496703205376"),
    ("10 / 3", "3.333333333333333333333333333"),
    ("10 / 3 * 3", "10"),
    ("-7 // 2", "-4"),
    ("-7 % 3", "2"),
    ("sqrt(2)", "1.414213562373095048801688724"),
    ("round(2.345, 2)", "2.35"),
    ("max(1, 2, 3) + sum(1, 2)", "6"),
    ("1_000 * 2", "2000"),
    ("0 * -1", "0"),
    ("2 ** 300", "2.037035976334486086268445688E+90"),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_arithmetic_is_exact(expression: str, value: str) -> None:
    assert evaluate(expression) == value


REFUSED = [
    ("1 / 0", "division_by_zero"),
    ("1 % 0", "division_by_zero"),
    ("sqrt(-1)", "out_of_range"),
    ("log(0)", "out_of_range"),
    ("9 ** 9 ** 9", "out_of_range"),
    ("exp(exp(exp(9)))", "out_of_range"),
    ("a + 1", "bad_expression"),
    ("__import__('os')", "bad_expression"),
    ("().__class__", "bad_expression"),
    ("[1] * 3", "bad_expression"),
    ("lambda: 1", "bad_expression"),
    ("1 +", "bad_expression"),
    ("", "bad_expression"),
    ("'a' * 3", "bad_expression"),
    ("1 if 1 else x.y", "bad_expression"),
    ("(" * 200, "bad_expression"),
    ("+".join(["1"] * 150), "too_long"),
]


@pytest.mark.parametrize(("expression", "code"), REFUSED)
def test_what_cannot_be_calculated_is_refused_in_words(expression: str, code: str) -> None:
    with pytest.raises(ToolFault) as caught:
        evaluate(expression)

    assert caught.value.code == code


@pytest.mark.asyncio
async def test_prices_are_compared_cheapest_first_and_unknown_models_named() -> None:
    call = ToolCall(call_id="call_1", context=World().context())
    question = PriceQuestion(
        models=["gpt-4o", "gpt-4o-mini", "no-such-model"], input_tokens=2_000_000, output_tokens=0
    )
    found = await compare_prices(call, question)

    assert [model.name for model in found.models] == ["gpt-4o-mini", "gpt-4o"]
    assert [model.cost for model in found.models] == [Decimal("0.30"), Decimal("5.00")]
    assert found.unknown == ["no-such-model"]
