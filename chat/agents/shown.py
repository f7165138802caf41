"""The text of an answer on its short way: shown where it enters, told to the library afterwards.

One event costs pydantic-ai 100 µs and more on its way through its layers to whoever iterates a
run; a hundred streams would cost a core. What readers wait for need not go that way. Only where a
text begins does the library tell: there it stands in order with thoughts and tool calls.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    TextPartDelta,
)
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

Show = Callable[[str], None]

_show: ContextVar[Show] = ContextVar("show", default=lambda _text: None)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Give `show` what follows the beginning of every text that models answer with in this block.

    The beginnings are in the library's own events. What `show` raises ends the stream, and is
    raised by whoever iterates the run.
    """
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


async def told_afterwards(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Of a text in pieces the first, and all others as one, which has been shown by then."""
    show = _show.get()
    rest = list[str]()
    is_first = True
    async for piece in pieces:
        if is_first:
            yield piece
            is_first = False
            continue
        show(piece)
        rest.append(piece)
    if rest:
        yield "".join(rest)


class ShownModel(WrapperModel):
    """Another model, whose text is shown as it comes and passed on in one piece."""

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        async with super().request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            # What iterating a response again gives; there is no other place to stand in between.
            response._event_iterator = _joined(aiter(response), _show.get())
            yield response


async def _joined(
    events: AsyncIterator[ModelResponseStreamEvent], show: Show
) -> AsyncIterator[ModelResponseStreamEvent]:
    """Show text; give every event as it comes, but consecutive pieces of text as one."""
    index, pieces = 0, list[str]()
    async for event in events:
        match event:
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                show(text)
                index = event.index
                pieces.append(text)
                continue
            case _:
                pass
        if pieces:
            yield _delta(index, pieces)
            pieces = []
        yield event
    if pieces:
        yield _delta(index, pieces)


def _delta(index: int, pieces: list[str]) -> PartDeltaEvent:
    return PartDeltaEvent(index=index, delta=TextPartDelta(content_delta="".join(pieces)))
