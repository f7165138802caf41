"""Where a message's time goes, as spans for OpenTelemetry; nothing is kept until `begin`.

Until then each call is one look at a variable, and nobody imports OpenTelemetry. Attributes are
ids, sizes, states and codes: never what a user wrote, nor an address, nor anybody's name.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from importlib import import_module
from typing import Any, Final, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Value = str | int | bool

_NOTHING: Final = nullcontext()


class Tracer(Protocol):
    """What a process that is traced does with its spans."""

    def span(
        self, name: str, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[object]: ...

    def note(self, attributes: Mapping[str, Value]) -> None: ...

    def within(self, traceparent: str) -> AbstractContextManager[object]: ...

    def traceparent(self) -> str: ...

    def record(
        self, name: str, attributes: Mapping[str, Value], *, began_at: float, traceparent: str
    ) -> None: ...

    def end(self) -> None: ...


_tracer: Tracer | None = None


def begin(service: str, *, endpoint: str) -> None:
    """Send this process's spans to the collector at `endpoint`, where there is one."""
    global _tracer
    if endpoint and _tracer is None:
        _tracer = import_module("netra.otel").tracer_of(service, endpoint=endpoint)


def end() -> None:
    """Send what waits, within a moment, and keep no more spans."""
    global _tracer
    if _tracer is not None:
        _tracer.end()
        _tracer = None


def span(name: str, **attributes: Value) -> AbstractContextManager[object]:
    """A span for a block, below the one it is in; what the block raises is told by its type."""
    if _tracer is None:
        return _NOTHING
    return _tracer.span(name, attributes)


def traced(
    name: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """A span for each call of a coroutine function."""

    def decorate(
        work: Callable[P, Coroutine[Any, Any, R]],
    ) -> Callable[P, Coroutine[Any, Any, R]]:
        @wraps(work)
        def call(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
            made = work(*args, **kwargs)
            return made if _tracer is None else _in_span(name, made)

        return call

    return decorate


async def _in_span(name: str, work: Coroutine[Any, Any, R]) -> R:
    with span(name):
        return await work


def note(**attributes: Value) -> None:
    """Add to the span of this block."""
    if _tracer is not None:
        _tracer.note(attributes)


def within(traceparent: str) -> AbstractContextManager[object]:
    """Go on with another process's span for a block; an empty or broken one begins a new trace."""
    if _tracer is None:
        return _NOTHING
    return _tracer.within(traceparent)


def traceparent() -> str:
    """The span of this block as W3C Trace Context writes it; empty where nothing is traced."""
    return "" if _tracer is None else _tracer.traceparent()


def carried() -> dict[str, str]:
    """The same as an argument of a job: none where nothing is traced."""
    found = traceparent()
    return {"traceparent": found} if found else {}


def record(name: str, *, began_at: float, traceparent: str = "", **attributes: Value) -> None:
    """A span that ends now and began at a second of the epoch; below this block's, or another's.

    None where there is no other.
    """
    if _tracer is not None:
        _tracer.record(name, attributes, began_at=began_at, traceparent=traceparent)
