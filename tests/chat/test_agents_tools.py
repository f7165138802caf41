"""The registry, the one way around every call, and the small tools."""

import asyncio
import time
from decimal import Decimal

import pytest
from pydantic import BaseModel, JsonValue
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from chat.agents.citations import CITATIONS_MAX, Citation, citations_of
from chat.agents.toolbox import TOOLS
from chat.agents.tools.analyse_usage import ANALYSTS, UsageQuestion, analyse_usage
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


async def returned(
    the_tool: Tool, args: dict[str, JsonValue], world: World | None = None
) -> ToolReturnPart:
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
    context = (world or World()).context()
    if world is None:
        context.around = run_with_timeout
    result = await agent.run("wish", deps=context)
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
    ({"approval": True}, {"text": 7}, "not valid: text"),
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


@pytest.mark.asyncio
async def test_arguments_are_read_when_the_call_runs_so_that_they_can_be_edited() -> None:
    world = World(edits={"text": "quiet"})
    part = await returned(genie(approval=True), {"text": "peace"}, world)

    assert world.asked == [("grant", {"text": "peace"})]
    assert part.content == {"text": "quiet"}


def lines_of(count: int) -> bytes:
    return b"model,cost,latency_ms\n" + b"gpt-4o,0.25,900\n" * count


@pytest.mark.asyncio
async def test_a_stopped_analysis_frees_its_thread_at_once() -> None:
    world = World()
    world.attach("usage.csv", lines_of(900_000))
    call = ToolCall(call_id="call_1", context=world.context())
    task = asyncio.ensure_future(analyse_usage(call, UsageQuestion()))
    while len(world.progress) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stopped_at = time.monotonic()
    # All threads of the pool answer again, long before the file could have been read.
    waiting = [ANALYSTS.submit(time.monotonic) for _ in range(4)]
    await asyncio.gather(*map(asyncio.wrap_future, waiting))

    assert time.monotonic() - stopped_at < 1


@pytest.mark.asyncio
async def test_an_analysis_leaves_the_event_loop_free() -> None:
    world = World()
    world.attach("usage.csv", lines_of(60_000))
    call = ToolCall(call_id="call_1", context=world.context())
    task = asyncio.ensure_future(analyse_usage(call, UsageQuestion()))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1

    assert (await task).rows.used == 60_000
    assert turns > 10


def test_citations_are_read_from_any_result_and_bounded() -> None:
    one: dict[str, JsonValue] = {"title": "Trials", "source": "docs/using.md", "excerpt": "14 days"}
    listed: JsonValue = [one, {"title": ""}, "rubbish", *[one] * 20]

    assert citations_of({"citations": [one]}) == [Citation.model_validate(one)]
    assert len(citations_of({"citations": listed})) <= CITATIONS_MAX
    nothing: list[JsonValue] = [None, 1, [], {}, {"citations": "x"}, {"citations": {}}]
    assert [citations_of(result) for result in nothing] == [[]] * len(nothing)


def test_a_tool_needs_a_docstring_and_a_typed_argument() -> None:
    async def undocumented(call: ToolCall, wish: Wish) -> Granted:
        return Granted(text="")

    with pytest.raises(TypeError, match="docstring"):
        tool(replayable=True)(undocumented)


@pytest.mark.parametrize("timeout_s", [0, -1, 61])
def test_a_tool_takes_some_time_and_no_more_than_a_minute(timeout_s: float) -> None:
    async def patient(call: ToolCall, wish: Wish) -> Granted:
        """Wait for a very long time, until the wish comes true."""
        return Granted(text="")

    with pytest.raises(ValueError, match="at most 60 s"):
        tool(replayable=True, timeout_s=timeout_s)(patient)


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
