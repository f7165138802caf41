"""A bucket that speaks as much of S3 as Django's storages use: files by path."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOT_SIGNED = b"<Error><Code>AccessDenied</Code><Message>not signed</Message></Error>"
NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>not here</Message></Error>"


@dataclass
class Bucket:
    """What it holds by path, and what it was asked; `key_id` is who may ask."""

    key_id: str
    url: str = ""
    held: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def do_PUT(self) -> None:
        body = self._body()
        if self._is_let_in():
            self.bucket.held[self._path] = body
            self._answer(200, b"")

    def do_GET(self) -> None:
        self._body()
        if self._is_let_in():
            found = self.bucket.held.get(self._path)
            self._answer(*((404, NO_SUCH_KEY) if found is None else (200, found)))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self._body()
        if self._is_let_in():
            self.bucket.held.pop(self._path, None)
            self._answer(204, b"")

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _body(self) -> bytes:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return raw
        size, _, rest = raw.partition(b"\r\n")
        return rest[: int(size.partition(b";")[0], 16)]

    def _is_let_in(self) -> bool:
        self.bucket.asked.append(f"{self.command} {self._path}")
        signed = self.headers.get("Authorization", "")
        if signed.startswith(f"AWS4-HMAC-SHA256 Credential={self.bucket.key_id}/"):
            return True
        self._answer(403, NOT_SIGNED)
        return False

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"0"')
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def bucket_server(key_id: str) -> Iterator[Bucket]:
    """Serve one on this machine for a block."""
    bucket = Bucket(key_id)
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
