"""The built-in assistant: a deterministic model, honest about what it is, on the common path."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar, assert_never

from pydantic import BaseModel, ValidationError
from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.function import (
    AgentInfo,
    DeltaThinkingPart,
    DeltaToolCall,
    FunctionModel,
)
from pydantic_ai.settings import ModelSettings

from chat.agents import intents
from chat.agents.answers import demo, plain_answers, usage_answer
from chat.agents.data_sets import data_sets, pasted_in
from chat.agents.intents import Intent, decide, focus_of
from chat.agents.pace import paced
from chat.agents.prices import models_in
from chat.agents.tools.analyse_usage import UsageQuestion, analyse_usage
from chat.agents.tools.calculate import Expression, Value, calculate
from chat.agents.tools.compare_prices import (
    MODELS_MAX,
    PriceComparison,
    PriceQuestion,
    compare_prices,
)
from chat.agents.tools.demonstrate import Demonstration, demonstrate
from chat.agents.tools.registry import ToolContext
from chat.agents.tools.show_account import Account, AccountQuestion, show_account
from chat.agents.usage import pasted
from chat.agents.usage.report import UsageReport

NAME = "built-in"

Result = TypeVar("Result", bound=BaseModel)
Piece = str | dict[int, DeltaThinkingPart] | dict[int, DeltaToolCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The conversation as it stands: the last question, and what tools returned since."""

    question: str
    returns: Sequence[ToolReturnPart]
    earlier: Sequence[ToolReturnPart]
    context: ToolContext

    @property
    def words(self) -> str:
        """The question without data pasted into it."""
        return pasted.split(self.question).words


class BuiltInModel(FunctionModel):
    """The assistant as a pydantic-ai model; 0 tokens a second is without pauses."""

    def __init__(self, *, tokens_per_s: float) -> None:
        super().__init__(stream_function=_unbound, model_name=NAME)
        self._tokens_per_s = tokens_per_s

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        if run_context is None or not isinstance(run_context.deps, ToolContext):
            raise RuntimeError("the built-in assistant runs with a ToolContext only")
        context = run_context.deps

        # A stream function sees messages only; the assistant also needs to know what is attached.
        def respond(conversation: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[Piece]:
            return _respond(_turn_of(conversation, context), self._tokens_per_s)

        bound = FunctionModel(stream_function=respond, model_name=NAME)
        async with bound.request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            yield response


def _unbound(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[Piece]:
    raise RuntimeError("the built-in assistant is streamed with its context only")


def _turn_of(messages: Sequence[ModelMessage], context: ToolContext) -> Turn:
    question = ""
    returns: list[ToolReturnPart] = []
    earlier: list[ToolReturnPart] = []
    for message in messages:
        if not isinstance(message, ModelRequest):
            continue
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                question = _text_of(part)
                earlier += returns
                returns = []
            elif isinstance(part, ToolReturnPart):
                returns.append(part)
    if context.texts:
        # As the user wrote it: the prompt may carry notes on attached files for other models.
        question = context.texts[0]
    return Turn(question=question, returns=returns, earlier=earlier, context=context)


def _text_of(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content
    return "\n".join(item for item in part.content if isinstance(item, str))


async def _respond(turn: Turn, tokens_per_s: float) -> AsyncIterator[Piece]:
    intent = _intent_of(turn)
    if turn.returns:
        text = _answer(intent, turn)
        # The demonstration thinks between its steps, too.
        if isinstance(intent, intents.Demonstrate):
            yield {0: DeltaThinkingPart(content=demo.SECOND_THOUGHT)}
        async for piece in paced(text, tokens_per_s):
            yield piece
        return
    yield {0: DeltaThinkingPart(content=_thought(intent, turn))}
    call = _call(intent, turn, tokens_per_s)
    if call is not None:
        yield {1: call}
        return
    async for piece in paced(_spoken(intent), tokens_per_s):
        yield piece


def _intent_of(turn: Turn) -> Intent:
    # With a tool's return at hand the same rules apply, so that a resumed run goes on alike.
    words = turn.words
    return decide(
        words,
        has_data=bool(data_sets(turn.context)),
        new_data=_new_source(turn) is not None,
        names_model=bool(models_in(words)),
    )


def _new_source(turn: Turn) -> str | None:
    """The id of data that came with this message, or was attached and never analysed."""
    paste = pasted_in(turn.question)
    if paste is not None:
        return paste.id
    analysed = {source for part in turn.earlier if (source := _source_of(part))}
    newest = next(iter(data_sets(turn.context)), None)
    if newest is None or newest.id.startswith("paste:") or newest.id in analysed:
        return None
    return newest.id


def _source(turn: Turn) -> str:
    """The data that a question is about: what is new, else what was analysed last."""
    new = _new_source(turn)
    if new is not None:
        return new
    analysed = [source for part in turn.earlier if (source := _source_of(part))]
    present = {data_set.id for data_set in data_sets(turn.context)}
    return next((source for source in reversed(analysed) if source in present), "")


def _source_of(part: ToolReturnPart) -> str | None:
    if part.tool_name != analyse_usage.__name__ or part.outcome != "success":
        return None
    report = _parsed(UsageReport, part)
    return report.source.id if report is not None else None


def _thought(intent: Intent, turn: Turn) -> str:
    match intent:
        case intents.Demonstrate():
            return demo.FIRST_THOUGHT
        case intents.AnalyseUsage():
            return f"I'll read {_source_name(turn)} and add up what it says, row by row."
        case intents.AskForData():
            return "This is about usage data, and there is none in this thread yet."
        case intents.Calculate():
            return "This is arithmetic, so I'll use the calculator."
        case intents.ComparePrices():
            return "I'll look up the list prices of the models you name."
        case intents.ShowAccount():
            return "I'll look up your plan and what you have used of it."
        case intents.Introduce():
            return "No tool is needed for this."
        case intents.Help():
            return "None of my rules matches this message, so I'll say what I can do."
        case _:
            assert_never(intent)


def _source_name(turn: Turn) -> str:
    source = _source(turn)
    found = [it.name for it in data_sets(turn.context) if it.id == source or not source]
    return found[0] if found else "the data"


def _call(intent: Intent, turn: Turn, tokens_per_s: float) -> DeltaToolCall | None:
    match intent:
        case intents.Demonstrate():
            show = Demonstration() if tokens_per_s else Demonstration(pause_ms=0)
            return _tool_call(turn, demonstrate.__name__, show)
        case intents.AnalyseUsage():
            return _tool_call(turn, analyse_usage.__name__, UsageQuestion(source=_source(turn)))
        case intents.Calculate(expression):
            return _tool_call(turn, calculate.__name__, Expression(expression=expression))
        case intents.ComparePrices(input_tokens, output_tokens):
            names = [f"{it.provider.id}/{it.name}" for it in models_in(turn.words)]
            question = PriceQuestion(
                models=names[:MODELS_MAX], input_tokens=input_tokens, output_tokens=output_tokens
            )
            return _tool_call(turn, compare_prices.__name__, question)
        case intents.ShowAccount():
            return _tool_call(turn, show_account.__name__, AccountQuestion())
        case intents.AskForData() | intents.Introduce() | intents.Help():
            return None
        case _:
            assert_never(intent)


def _tool_call(turn: Turn, name: str, arguments: BaseModel) -> DeltaToolCall:
    # The same id in every attempt of a run: the journal then knows a call that was made before.
    digest = sha256(f"{turn.context.run_id}:{name}".encode()).hexdigest()[:20]
    return DeltaToolCall(
        name=name,
        json_args=json.dumps(arguments.model_dump(mode="json")),
        tool_call_id=f"call_{digest}",
    )


def _spoken(intent: Intent) -> str:
    match intent:
        case intents.AskForData():
            return plain_answers.ASK_FOR_DATA
        case intents.Introduce(thanks):
            return plain_answers.THANKS if thanks else plain_answers.INTRODUCTION
        case _:
            return plain_answers.NOT_UNDERSTOOD


def _answer(intent: Intent, turn: Turn) -> str:
    """The answer from what the tool returned; its own sentence when it failed."""
    part = turn.returns[-1]
    if part.outcome != "success":
        about_data = part.tool_name == analyse_usage.__name__
        return plain_answers.tool_failed(str(part.content), about_data=about_data)
    match part.tool_name:
        case "analyse_usage":
            report = _parsed(UsageReport, part)
            if report is not None:
                wanted = intent.focus if isinstance(intent, intents.AnalyseUsage) else None
                return usage_answer.answer(report, wanted or focus_of(turn.words), turn.words)
        case "calculate":
            value = _parsed(Value, part)
            if value is not None:
                return plain_answers.calculation(value)
        case "compare_prices":
            comparison = _parsed(PriceComparison, part)
            if comparison is not None:
                return plain_answers.prices(comparison)
        case "show_account":
            account = _parsed(Account, part)
            if account is not None:
                return plain_answers.account(account)
        case "demonstrate":
            return demo.TEXT
    return plain_answers.tool_failed(
        "The tool's result is not one that I can read.", about_data=False
    )


def _parsed(kind: type[Result], part: ToolReturnPart) -> Result | None:
    try:
        return kind.model_validate(part.content)
    except ValidationError:
        return None
