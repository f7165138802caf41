"""Signing in by a program: whatever the server answers, the error says what to do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from netra.client import SignInFailed, sign_in

FORM = b'<input type="hidden" name="csrfmiddlewaretoken" value="abc">'


@contextmanager
def site(*, form: bytes = FORM, status: int = 302, location: str = "/chat/") -> Iterator[str]:
    """A site whose sign-in answers as told; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(form)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Set-Cookie", "sessionid=xyz; Path=/")
            self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def asked(base_url: str) -> str:
    return sign_in(base_url, email="ada@example.com", password="Correct-horse-7-battery")


def test_a_session_is_given_as_a_cookie() -> None:
    with site() as base_url:
        assert asked(base_url) == "sessionid=xyz"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"form": b"<h1>Something else</h1>"}, "no sign-in form"),
        ({"status": 200}, "does not know this address with this password"),
        ({"status": 429}, "asked too often"),
        ({"status": 302, "location": "/accounts/2fa/authenticate/"}, "wants more than a password"),
        ({"status": 500}, "answered 500"),
    ],
)
def test_a_refusal_says_what_is_wrong(answer: dict[str, object], words: str) -> None:
    with (
        site(**answer) as base_url,  # type: ignore[arg-type]  # the table's values are of many types
        pytest.raises(SignInFailed, match=words),
    ):
        asked(base_url)
