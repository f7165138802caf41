"""The conversation as the built-in assistant reads it: the last question and what is at hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart, UserPromptPart

from chat.agents.data_sets import DataSet, data_sets, pasted_in
from chat.agents.documents import documents
from chat.agents.follow_ups import FollowUp, follow_up_in
from chat.agents.tools.analyse_usage import analyse_usage
from chat.agents.tools.read_attachment import FileReading, read_attachment
from chat.agents.tools.registry import Attachment, ToolContext
from chat.agents.usage import pasted
from chat.agents.usage.report import Source, UsageReport

Result = TypeVar("Result", bound=BaseModel)


class Analysed(BaseModel):
    """What of an earlier report says which data it was about."""

    source: Source


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The conversation as it stands: the last question, and what tools returned since."""

    question: str
    returns: Sequence[ToolReturnPart]
    earlier: Sequence[ToolReturnPart]
    context: ToolContext

    @cached_property
    def words(self) -> str:
        """The question without data pasted into it."""
        return pasted.split(self.question).words

    @cached_property
    def data(self) -> Sequence[DataSet]:
        return data_sets(self.context)

    @cached_property
    def new_source(self) -> str | None:
        """The id of data that came with this message, or was attached and never analysed."""
        paste = pasted_in(self.question)
        if paste is not None:
            return paste.id
        newest = next(iter(self.data), None)
        if newest is None or newest.id.startswith("paste:") or newest.id in self._analysed:
            return None
        return newest.id

    @cached_property
    def source(self) -> str:
        """The data that a question is about: what is new, else what was analysed last."""
        if self.new_source is not None:
            return self.new_source
        present = {data_set.id for data_set in self.data}
        return next((source for source in reversed(self._analysed) if source in present), "")

    @cached_property
    def document(self) -> Attachment | None:
        """The file that a question may be about: the one it names, else the newest, if no data."""
        found = documents(self.context)
        words = self.words.casefold()
        named = (it for it in found if it.name.casefold() in words or it.kind.value in words)
        newest = next(iter(self.context.attachments), None)
        return next(named, newest if newest in found else None)

    @property
    def new_document(self) -> Attachment | None:
        """The newest file, if it is no data and was never read."""
        newest = next(iter(self.context.attachments), None)
        if newest is None or newest is not self.document or newest.file_id in self._read:
            return None
        return newest

    @cached_property
    def last_reading(self) -> FileReading | None:
        return next((it for part in reversed(self.earlier) if (it := _reading_in(part))), None)

    @cached_property
    def _read(self) -> frozenset[str]:
        found = [_reading_in(part) for part in self.earlier]
        return frozenset(one.file_id for one in found if one is not None)

    @property
    def source_name(self) -> str:
        found = [it.name for it in self.data if it.id == self.source or not self.source]
        return found[0] if found else "the data"

    @cached_property
    def last_report(self) -> UsageReport | None:
        """The report that a question may go on from: the last one, unless there is new data."""
        return next(self._reports(), None)

    @cached_property
    def follow_up(self) -> FollowUp:
        # A restricted report knows only some of the names in the data.
        whole = next((it for it in self._reports() if it.selection is None), self.last_report)
        return follow_up_in(self.words, whole)

    def _reports(self) -> Iterator[UsageReport]:
        """The reports on the data that the question is about, newest first."""
        if self.new_source is not None:
            return
        for part in reversed(self.earlier):
            report = parsed(UsageReport, part) if _is_report(part) else None
            if report is not None and report.source.id == self.source:
                yield report

    @cached_property
    def _analysed(self) -> Sequence[str]:
        found = [parsed(Analysed, part) for part in self.earlier if _is_report(part)]
        return [one.source.id for one in found if one is not None]


def turn_of(messages: Sequence[ModelMessage], context: ToolContext) -> Turn:
    """Read a conversation; its tools' returns belong to the question that they come after."""
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


def parsed(kind: type[Result], part: ToolReturnPart) -> Result | None:
    """What a tool returned, typed; None when it is not of that kind."""
    try:
        return kind.model_validate(part.content)
    except ValidationError:
        return None


def _is_report(part: ToolReturnPart) -> bool:
    return part.tool_name == analyse_usage.__name__ and part.outcome == "success"


def _reading_in(part: ToolReturnPart) -> FileReading | None:
    return parsed(FileReading, part) if part.tool_name == read_attachment.__name__ else None


def _text_of(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content
    return "\n".join(item for item in part.content if isinstance(item, str))
