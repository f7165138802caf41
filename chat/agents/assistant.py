"""The built-in assistant: a deterministic model, honest about what it is, on the common path."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, assert_never

from pydantic import BaseModel
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.function import (
    AgentInfo,
    DeltaThinkingPart,
    DeltaToolCall,
    FunctionModel,
)
from pydantic_ai.settings import ModelSettings

from chat.agents import intents
from chat.agents.answers import file_answers, found_answers, plain_answers, usage_answer
from chat.agents.demo import demo_step
from chat.agents.file_questions import asks_for_more, asks_to_read, place_in
from chat.agents.handbook import handbook
from chat.agents.intents import Intent, Signs, asks_for_usage, decide
from chat.agents.named_tools import tools_step, use_step
from chat.agents.pace import paced
from chat.agents.prices import models_in
from chat.agents.shown import told_afterwards
from chat.agents.step import Call, Step
from chat.agents.tools.analyse_usage import ANOTHER_FORM, UsageQuestion, analyse_usage
from chat.agents.tools.calculate import Expression, Value, calculate
from chat.agents.tools.compare_prices import (
    MODELS_MAX,
    PriceComparison,
    PriceQuestion,
    compare_prices,
)
from chat.agents.tools.read_attachment import FilePlace, FileReading, read_attachment
from chat.agents.tools.registry import ToolContext
from chat.agents.tools.search_docs import DocsQuestion, Passages, search_docs
from chat.agents.tools.search_threads import Hits, ThreadQuestion, search_threads
from chat.agents.tools.show_account import Account, AccountQuestion, show_account
from chat.agents.turn import Turn, parsed, turn_of
from chat.agents.usage.report import Focus, UsageReport

NAME = "built-in"
QUERY_CHARS_MAX = 400
# Endings of files that may hold usage data, or anything else.
MAYBE_DATA = (".txt", ".log", ".json")

Piece = str | dict[int, DeltaThinkingPart] | dict[int, DeltaToolCall]


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
            return _respond(turn_of(conversation, context), self._tokens_per_s)

        bound = FunctionModel(stream_function=respond, model_name=NAME)
        async with bound.request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            yield response


def _unbound(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[Piece]:
    raise RuntimeError("the built-in assistant is streamed with its context only")


async def _respond(turn: Turn, tokens_per_s: float) -> AsyncIterator[Piece]:
    step = next_step(turn, is_quick=not tokens_per_s)
    if step.thought:
        yield {0: DeltaThinkingPart(content=step.thought)}
    async for piece in told_afterwards(paced(step.text, tokens_per_s)):
        yield piece
    if step.call is not None:
        call = step.call
        yield {
            1: DeltaToolCall(
                name=call.tool_name, json_args=call.json_args, tool_call_id=call.id_in(turn)
            )
        }


def next_step(turn: Turn, *, is_quick: bool) -> Step:
    """What comes next; the same rules with a tool's return at hand, so that a run can resume."""
    intent = _intent_of(turn)
    if isinstance(intent, intents.Demonstrate):
        return demo_step(turn, is_quick=is_quick)
    if isinstance(intent, intents.UseTool):
        return use_step(turn)
    if turn.returns:
        return _read_instead(turn) or Step(text=_answer(turn.returns[-1], turn))
    return _first_step(intent, turn)


def _intent_of(turn: Turn) -> Intent:
    narrows = turn.follow_up.narrows or turn.follow_up.wants_all
    has_data = bool(turn.data)
    # The names that a question restricts itself to are no words of the question.
    text = turn.follow_up.rest if narrows and has_data else turn.words
    signs = Signs(
        has_data=has_data,
        new_data=turn.new_source is not None,
        has_document=turn.document is not None,
        new_document=turn.new_document is not None,
        names_model=bool(models_in(text)),
        narrows=narrows,
        covered=handbook().covers(text[:QUERY_CHARS_MAX]),
    )
    return decide(text, signs)


def _first_step(intent: Intent, turn: Turn) -> Step:
    match intent:
        case intents.AnalyseUsage(focus):
            return _calling(
                f"I'll read {turn.source_name} and add up what it says, row by row.",
                analyse_usage.__name__,
                _usage_question(focus, turn),
            )
        case intents.ReadFile():
            return _reading(turn)
        case intents.Calculate(expression):
            thought = "This is arithmetic, so I'll use the calculator."
            return _calling(thought, calculate.__name__, Expression(expression=expression))
        case intents.ComparePrices(input_tokens, output_tokens):
            names = [f"{it.provider.id}/{it.name}" for it in models_in(turn.words)]
            question = PriceQuestion(
                models=names[:MODELS_MAX], input_tokens=input_tokens, output_tokens=output_tokens
            )
            thought = "I'll look up the list prices of the models you name."
            return _calling(thought, compare_prices.__name__, question)
        case intents.ShowAccount():
            thought = "I'll look up your plan and what you have used of it."
            return _calling(thought, show_account.__name__, AccountQuestion())
        case intents.SearchThreads(words):
            thought = "I'll search your other threads for that."
            return _calling(thought, search_threads.__name__, ThreadQuestion(words=words))
        case intents.SearchDocs():
            thought = "I'll look that up in Netra's documentation."
            query = DocsQuestion(query=turn.words[:QUERY_CHARS_MAX])
            return _calling(thought, search_docs.__name__, query)
        case intents.ListTools():
            return tools_step(turn)
        case intents.AskForData():
            thought = "This is about usage data, and there is none in this thread yet."
            return Step(thought=thought, text=plain_answers.ASK_FOR_DATA)
        case intents.Introduce(thanks):
            text = plain_answers.THANKS if thanks else plain_answers.INTRODUCTION
            return Step(thought="No tool is needed for this.", text=text)
        case intents.Help() | intents.Demonstrate() | intents.UseTool():
            thought = "None of my rules matches this message, so I'll say what I can do."
            return Step(thought=thought, text=plain_answers.NOT_UNDERSTOOD)
        case _:
            assert_never(intent)


def _reading(turn: Turn) -> Step:
    """The call that reads the file that is meant, from where the question says."""
    file = turn.new_document or turn.document
    if file is None:
        return Step(text=plain_answers.NOT_UNDERSTOOD)
    first = place_in(turn.words) or 1
    last = turn.last_reading
    if asks_for_more(turn.words) and last is not None and last.file_id == file.file_id:
        first = min(last.last + 1, max(last.total, 1))
    place = FilePlace(source=file.file_id, first=first)
    return _calling(f"I'll read {file.name}.", read_attachment.__name__, place)


def _read_instead(turn: Turn) -> Step | None:
    """The call that reads a file of text that turned out to be no usage data."""
    [*before, last] = turn.returns
    file = next((it for it in turn.context.attachments if it.file_id == turn.source), None)
    is_no_data = last.outcome != "success" and str(last.content).endswith(ANOTHER_FORM)
    if before or not is_no_data or file is None or not file.name.lower().endswith(MAYBE_DATA):
        return None
    thought = f"That is no usage data, so I'll read {file.name} as text."
    return _calling(thought, read_attachment.__name__, FilePlace(source=file.file_id))


def _calling(thought: str, tool_name: str, arguments: BaseModel) -> Step:
    return Step(thought=thought, call=Call(tool_name=tool_name, arguments=arguments))


def _usage_question(focus: Focus, turn: Turn) -> UsageQuestion:
    """What to analyse; what a follow-up leaves unsaid is as it was in the last report."""
    follow, last = turn.follow_up, turn.last_report
    only, since, until = follow.only, follow.since, follow.until
    if last is not None:
        goes_on = follow.is_elliptical and not follow.wants_all and not follow.narrows
        if goes_on and last.selection is not None:
            only = tuple(last.selection.only)
            since, until = last.selection.since, last.selection.until
        if (follow.narrows or follow.wants_all) and not asks_for_usage(follow.rest):
            focus = last.focus
    return UsageQuestion(source=turn.source, focus=focus, only=list(only), since=since, until=until)


def _answer(part: ToolReturnPart, turn: Turn) -> str:
    """The answer from what the tool returned; its own sentence when it failed."""
    if part.outcome != "success":
        return str(part.content)
    if len(turn.returns) > 1 and isinstance(turn.returns[0].content, str):
        # What was no usage data: why, unless nobody asked for that, and what else it is.
        asked = "" if asks_to_read(turn.words) else f"{turn.returns[0].content}\n\n"
        return asked + _written(part, turn)
    return _written(part, turn)


def _written(part: ToolReturnPart, turn: Turn) -> str:
    kind, write = _ANSWERS.get(part.tool_name, (None, None))
    found = parsed(kind, part) if kind is not None else None
    if found is None or write is None:
        return "The tool's result is not one that I can read."
    return write(found, turn)


def _usage(report: Any, turn: Turn) -> str:
    return usage_answer.answer(report, turn.words)


_Written = tuple[type[BaseModel], Callable[[Any, Turn], str]]
_ANSWERS: Mapping[str, _Written] = {
    analyse_usage.__name__: (UsageReport, _usage),
    calculate.__name__: (Value, lambda value, _: plain_answers.calculation(value)),
    compare_prices.__name__: (PriceComparison, lambda found, _: plain_answers.prices(found)),
    show_account.__name__: (Account, lambda found, _: plain_answers.account(found)),
    search_threads.__name__: (Hits, lambda hits, _: found_answers.threads(hits)),
    read_attachment.__name__: (FileReading, lambda found, _: file_answers.reading(found)),
    search_docs.__name__: (Passages, lambda found, _: found_answers.passages(found)),
}
