from collections.abc import AsyncIterator, Callable

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import (
    FunctionToolCallEvent,
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models.function import (
    AgentInfo,
    DeltaThinkingPart,
    DeltaToolCall,
    FunctionModel,
)

from chat.agents.shown import ShownModel, shown_by, told_afterwards

Piece = str | dict[int, DeltaThinkingPart] | dict[int, DeltaToolCall]
Script = Callable[[], AsyncIterator[Piece]]

TEXT = ["One ", "two ", "three ", "four."]


class Enough(Exception):
    pass


async def plain() -> AsyncIterator[Piece]:
    """As any model: each piece is an event."""
    yield {0: DeltaThinkingPart(content="Hm.")}
    for piece in TEXT:
        yield piece
    yield {1: DeltaToolCall(name="add", json_args='{"a": 1}', tool_call_id="one")}


async def by_itself() -> AsyncIterator[Piece]:
    """As the built-in assistant, which shows its text itself."""

    async def pieces() -> AsyncIterator[str]:
        for piece in TEXT:
            yield piece

    yield {0: DeltaThinkingPart(content="Hm.")}
    async for piece in told_afterwards(pieces()):
        yield piece
    yield {1: DeltaToolCall(name="add", json_args='{"a": 1}', tool_call_id="one")}


def agent_of(script: Script, *, wrap: bool) -> Agent[None, str]:
    async def respond(messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[Piece]:
        if len(messages) > 1:
            yield "Done."
            return
        async for piece in script():
            yield piece

    model = FunctionModel(stream_function=respond)
    agent = Agent(ShownModel(model) if wrap else model, output_type=str)

    @agent.tool_plain
    def add(a: int) -> int:
        return a + 1

    return agent


async def told_by(agent: Agent[None, str]) -> tuple[list[str], list[ModelMessage]]:
    """What the library tells of a run, in order, and the messages that it keeps."""
    told = []
    async with agent.iter("?") as run:
        async for node in run:
            if not Agent.is_model_request_node(node):
                continue
            async with node.stream(run.ctx) as stream:
                async for event in stream:
                    match event:
                        case PartStartEvent(part=TextPart(content=text)):
                            told.append(f"begins {text!r}")
                        case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                            told.append(f"goes on {text!r}")
                        case PartEndEvent(part=ThinkingPart(content=text)):
                            told.append(f"thought {text!r}")
                        case FunctionToolCallEvent() | PartStartEvent(part=ToolCallPart()):
                            told.append("calls")
                        case _:
                            pass
    return told, run.all_messages()


def said(messages: list[ModelMessage]) -> list[str]:
    answers = [message for message in messages if isinstance(message, ModelResponse)]
    return [part.content for one in answers for part in one.parts if isinstance(part, TextPart)]


@pytest.mark.asyncio
@pytest.mark.parametrize(("script", "wrap"), [(plain, True), (by_itself, False)])
async def test_text_is_shown_in_pieces_and_told_in_order_and_kept_whole(
    script: Script, wrap: bool
) -> None:
    shown: list[str] = []
    with shown_by(shown.append):
        told, messages = await told_by(agent_of(script, wrap=wrap))
    assert shown == TEXT[1:]
    assert told == [
        "thought 'Hm.'",
        f"begins {TEXT[0]!r}",
        f"goes on {''.join(TEXT[1:])!r}",
        "calls",
        "begins 'Done.'",
    ]
    assert said(messages) == ["".join(TEXT), "Done."]


@pytest.mark.asyncio
@pytest.mark.parametrize(("script", "wrap"), [(plain, True), (by_itself, False)])
async def test_what_showing_raises_ends_the_stream(script: Script, wrap: bool) -> None:
    def show(_text: str) -> None:
        raise Enough

    with shown_by(show), pytest.raises(Enough):
        await told_by(agent_of(script, wrap=wrap))


@pytest.mark.asyncio
async def test_without_a_reader_nothing_else_changes() -> None:
    told, messages = await told_by(agent_of(plain, wrap=True))
    assert told[1] == f"begins {TEXT[0]!r}"
    assert said(messages) == ["".join(TEXT), "Done."]
