"""OpenTelemetry's side of `netra.traces`; imported only where a collector is configured.

Its own variables (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_RESOURCE_ATTRIBUTES`) are read by the library itself.
"""

import logging
import threading
import time
import tomllib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import Token
from pathlib import Path
from types import TracebackType
from typing import Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from netra.traces import Value

# The thread that sends may wait so long; spans that come meanwhile wait in its bounded queue.
SENT_WITHIN_S: Final = 5.0
# Of a process that ends: `up` gives it 6 s for everything.
ENDS_WITHIN_S: Final = 1.0
# Of a collector that is away the library would tell several times a batch.
TOLD_EVERY_S: Final = 60.0
_NS: Final = 1_000_000_000
_HEADER: Final = "traceparent"
_PROJECT: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"
_propagator: Final = TraceContextTextMapPropagator()


class _Block(AbstractContextManager[None]):
    """A context that holds for a block; a span that belongs to it ends with it."""

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, held: Context, span: Span | None = None) -> None:
        self._context = held
        self._span = span
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        self._token = context.attach(self._context)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            context.detach(self._token)
        if self._span is None:
            return
        if kind is not None:
            # The type alone: what an error says may be what a user wrote.
            self._span.set_attribute("error.type", kind.__name__)
            if issubclass(kind, Exception):
                self._span.set_status(StatusCode.ERROR)
        self._span.end()


class _Seldom(logging.Filter):
    """Lets one line pass in a while."""

    _told_at = float("-inf")

    def filter(self, _record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._told_at < TOLD_EVERY_S:
            return False
        self._told_at = now
        return True


class OpenTelemetry:
    """Spans of one process, sent in batches by a thread of their own."""

    def __init__(self, service: str, *, endpoint: str) -> None:
        resource = Resource.create({"service.name": service, "service.version": _version()})
        # At exit it would wait for half a minute.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        logging.getLogger(trace_exporter.__name__).addFilter(_Seldom())
        exporter = trace_exporter.OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=SENT_WITHIN_S
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("netra")

    def span(self, name: str, attributes: Mapping[str, Value]) -> AbstractContextManager[object]:
        made = self._tracer.start_span(name, attributes=attributes)
        return _Block(trace.set_span_in_context(made), made)

    def note(self, attributes: Mapping[str, Value]) -> None:
        trace.get_current_span().set_attributes(attributes)

    def within(self, traceparent: str) -> AbstractContextManager[object]:
        return _Block(_context_of(traceparent))

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(_HEADER, "")

    def record(
        self, name: str, attributes: Mapping[str, Value], *, began_at: float, traceparent: str
    ) -> None:
        above = _context_of(traceparent) if traceparent else context.get_current()
        if not trace.get_current_span(above).get_span_context().is_valid:
            # What nobody is within would be a trace of its own, with nothing else in it.
            return
        began_ns = min(int(began_at * _NS), time.time_ns())
        self._tracer.start_span(name, above, attributes=attributes, start_time=began_ns).end()

    def end(self) -> None:
        # A thread: the library waits for the collector without a limit that one could set.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(ENDS_WITHIN_S)


def tracer_of(service: str, *, endpoint: str) -> OpenTelemetry:
    """The tracer of this process, under the name of its kind."""
    return OpenTelemetry(service, endpoint=endpoint)


def _context_of(traceparent: str) -> Context:
    return _propagator.extract({_HEADER: traceparent}, context=Context())


def _version() -> str:
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    version: str = project["version"]
    return version
