"""A collector of OpenTelemetry on localhost: takes spans by OTLP over HTTP and keeps them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class TakenSpan:
    """One span as it came; ids in hexadecimal, `parent` is empty for the first of a trace."""

    service: str
    version: str
    name: str
    trace: str
    id: str
    parent: str
    took_ns: int
    is_error: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What came so far: each span, and every byte of what they came in."""

    url: str = ""
    raw: bytes = b""
    spans: list[TakenSpan] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for resource in request.resource_spans:
            named = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_taken(span, named) for span in scope.spans]

    def of(self, trace: str) -> dict[str, list[TakenSpan]]:
        """The spans of a trace by name, in the order of their ends."""
        found: dict[str, list[TakenSpan]] = {}
        for span in self.spans:
            if span.trace == trace:
                found.setdefault(span.name, []).append(span)
        return found


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _taken(span: Any, named: dict[str, Any]) -> TakenSpan:
    return TakenSpan(
        service=named["service.name"],
        version=named["service.version"],
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        took_ns=span.end_time_unix_nano - span.start_time_unix_nano,
        is_error=span.status.code == span.status.STATUS_CODE_ERROR,
        attributes=_values(span.attributes),
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collector: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_known = self.path == "/v1/traces"
        if is_known:
            self.collector.take(body)
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def otlp_server() -> Iterator[Collector]:
    """Serve one on this machine for a block."""
    collector = Collector()
    handler = type("Handler", (_Handler,), {"collector": collector})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    # Senders keep their connections: none of them is waited for.
    server.daemon_threads = True
    server.block_on_close = False
    collector.url = f"http://127.0.0.1:{server.server_port}"
    # Looks for its end so often, in seconds.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
