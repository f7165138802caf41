"""Log lines as they are written: what they carry, what they hide, and that they can be parsed."""

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from structlog.contextvars import bound_contextvars, get_contextvars

from netra import env, logs
from netra.env import Environment, Secret
from netra.ids import ConnectionID, RequestID, RunID

logger = structlog.get_logger(__name__)
plain_logger = logging.getLogger(__name__)
HIDDEN = "Tr0ub4dor-and-3"


def greet(_request: HttpRequest) -> HttpResponse:
    logger.info("from structlog")
    plain_logger.info("from logging")
    return HttpResponse("hello")


async def greet_later(_request: HttpRequest) -> HttpResponse:
    logger.info("from structlog")
    return HttpResponse("hello")


def lose(_request: HttpRequest) -> HttpResponse:
    raise Http404


def break_down(_request: HttpRequest) -> HttpResponse:
    password = HIDDEN
    raise RuntimeError(f"a fault of ours, {len(password)} letters long")


def unwell(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


urlpatterns = [
    path("greet", greet),
    path("health/ready", unwell),
    path("unwell", unwell),
    path("later", greet_later),
    path("lose", lose),
    path("break", break_down),
]
# Only what is tested: the other middleware wants the database.
in_a_small_site = override_settings(
    ROOT_URLCONF=__name__, MIDDLEWARE=["netra.logs.RequestIDMiddleware"]
)


class Output:
    """What a handler has written so far."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def line(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


def listening(environment: Environment) -> Iterator[Output]:
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(logs.formatter(environment))
    root = logging.getLogger()
    root.addHandler(handler)
    yield Output(stream)
    root.removeHandler(handler)


@pytest.fixture
def deployed() -> Iterator[Output]:
    yield from listening(Environment.PRODUCTION)


@pytest.fixture
def readable() -> Iterator[Output]:
    yield from listening(Environment.DEVELOPMENT)


# Request ids


@in_a_small_site
def test_the_lines_of_a_request_carry_the_id_of_its_answer(deployed: Output) -> None:
    answer = Client().get("/greet")

    assert [line["event"] for line in deployed.lines] == ["from structlog", "from logging"]
    assert {line["request_id"] for line in deployed.lines} == {answer.headers["X-Request-ID"]}
    assert RequestID(answer.headers["X-Request-ID"])


@in_a_small_site
@pytest.mark.asyncio
async def test_so_do_those_of_an_asynchronous_view(deployed: Output) -> None:
    answer = await AsyncClient().get("/later")

    assert deployed.line["request_id"] == answer.headers["X-Request-ID"]


@in_a_small_site
def test_each_request_has_an_id_of_its_own_and_leaves_none_behind() -> None:
    ids = {Client().get("/greet").headers["X-Request-ID"] for _ in range(3)}

    assert len(ids) == 3
    assert "request_id" not in get_contextvars()


@in_a_small_site
def test_an_id_given_in_front_is_kept(deployed: Output) -> None:
    given = RequestID.new()

    answer = Client().get("/greet", headers={"X-Request-ID": given})

    assert answer.headers["X-Request-ID"] == given
    assert {line["request_id"] for line in deployed.lines} == {given}


@in_a_small_site
@pytest.mark.parametrize(
    "given",
    [
        "",
        "42",
        "user_1_abc123",
        " req_1_abc123",
        "req_1_abc123, req_1_abc124",
        f"req_{'9' * 60}_abc123",
    ],
)
def test_any_other_text_is_replaced(deployed: Output, given: str) -> None:
    answer = Client().get("/greet", headers={"X-Request-ID": given})

    assert answer.headers["X-Request-ID"] != given
    assert {line["request_id"] for line in deployed.lines} == {answer.headers["X-Request-ID"]}


@in_a_small_site
def test_a_refusal_carries_the_id_too_and_hides_the_query(deployed: Output) -> None:
    answer = Client().get(f"/lose?next={HIDDEN}")

    assert deployed.line["request_id"] == answer.headers["X-Request-ID"]
    assert (deployed.line["request"], deployed.line["status_code"]) == ("GET /lose", 404)
    assert HIDDEN not in deployed.text


@in_a_small_site
def test_an_unhealthy_answer_to_a_probe_makes_no_line(deployed: Output) -> None:
    Client().get("/health/ready")
    assert deployed.text == ""
    Client().get("/unwell")
    assert deployed.line["status_code"] == 503


@in_a_small_site
@pytest.mark.asyncio
async def test_so_does_an_asynchronous_refusal(deployed: Output) -> None:
    answer = await AsyncClient().get("/lose")

    assert deployed.line["request_id"] == answer.headers["X-Request-ID"]


@in_a_small_site
def test_a_fault_is_told_with_its_trace_and_without_local_values(
    deployed: Output, readable: Output
) -> None:
    answer = Client(raise_request_exception=False).get("/break")

    assert answer.headers["X-Request-ID"] == deployed.line["request_id"]
    assert "RuntimeError: a fault of ours" in deployed.line["exception"]
    assert "RuntimeError: a fault of ours" in readable.text
    assert HIDDEN not in deployed.text + readable.text


# Connections and runs


def test_a_line_carries_the_connection_and_run_it_belongs_to(deployed: Output) -> None:
    connection_id, run_id = ConnectionID.new(), RunID.new()

    with bound_contextvars(connection_id=connection_id, run_id=run_id):
        logger.warning("from structlog")
        plain_logger.warning("from logging")

    for line in deployed.lines:
        assert (line["connection_id"], line["run_id"]) == (connection_id, run_id)
        assert (line["level"], line["logger"]) == ("warning", __name__)


# The form of a line


@pytest.mark.parametrize(
    "value",
    [
        "two\nlines", 'a "quote"', "\x1b[31m", "\ud800", b"\xff", float("nan"), float("inf"),
        {1, 2}, {("a", 1): 2}, RunID.new(), ValueError("x"), object(),
    ],
)  # fmt: skip
def test_any_value_makes_one_line_of_strict_json(deployed: Output, value: object) -> None:
    logger.info("a value", value=value, nested=[value])

    assert len(deployed.text.splitlines()) == 1
    json.loads(deployed.text, parse_constant=pytest.fail)


def test_a_value_that_contains_itself_ends(deployed: Output) -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless

    logger.info("a value", endless=endless)

    assert deployed.line["event"] == "a value"


def test_times_are_utc_and_iso(deployed: Output) -> None:
    logger.info("now")

    assert deployed.line["timestamp"].endswith("Z")


def test_people_get_a_line_they_can_read(readable: Output) -> None:
    logger.warning("the bus is away", dropped=3)

    assert "the bus is away" in readable.text
    assert "dropped=3" in readable.text
    assert "\x1b" not in readable.text


# What no line shows


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "password1", "passwd", "client_secret", "access_token", "id_token",
     "Authorization", "cookie", "Set-Cookie", "X-API-Key", "apikey", "model_key", "session_key",
     "sessionid", "csrfmiddlewaretoken", "code", "login_code", "credentials"],
)  # fmt: skip
def test_a_value_with_a_secret_name_is_hidden_at_any_depth(deployed: Output, name: str) -> None:
    nested = {"list": [{name: HIDDEN}], name: {"whole": HIDDEN}}
    headers = [(name.encode(), HIDDEN.encode())]

    logger.info("x", **{name: HIDDEN}, nested=nested, headers=headers, data={"deep": nested})
    plain_logger.info("x", extra={name: HIDDEN, "nested": nested})

    assert len(deployed.lines) == 2
    assert HIDDEN not in deployed.text


@pytest.mark.parametrize(
    ("name", "value"),
    [("input_tokens", 1200), ("tokens", "12"), ("status_code", 404), ("close_code", "4410"),
     ("error_code", "queue_full"), ("idempotency_key", "a1"), ("client_id", "c-1")],
)  # fmt: skip
def test_what_is_no_secret_stays_readable(deployed: Output, name: str, value: object) -> None:
    logger.info("x", **{name: value})

    assert deployed.line[name] == value


@pytest.mark.parametrize(
    "line",
    [
        f'127.0.0.1:1 - "WebSocket /ws/chat/?token={HIDDEN}" [accepted]',
        f"GET /accounts/callback/?code={HIDDEN}&x=1",
        f"GET /accounts/callback/?x=1&state={HIDDEN} HTTP/1.1",
        f"connecting to postgresql://netra:{HIDDEN}@db.example/netra",
        f"connecting to redis://:{HIDDEN}@bus.example/0",
        f"< Cookie: theme=dark; sessionid={HIDDEN}",
        f"> Authorization: Basic {HIDDEN}",
        f"the header Bearer {HIDDEN} was refused",
        f'{{"password": "{HIDDEN} and more", "a": 1}}',
        f"{{'password': '{HIDDEN}', 'a': 1}}",
        f"[(b'cookie', b'a={HIDDEN}')]",
        f"password = '{HIDDEN} without an end",
        f"Incorrect API key provided: {HIDDEN}",
        f"the key sk-proj-{HIDDEN} is not valid",
    ],
)
@pytest.mark.parametrize("name", ["uvicorn.error", "django.request", "httpx", __name__])
def test_secrets_in_the_text_of_a_line_are_hidden(deployed: Output, name: str, line: str) -> None:
    logging.getLogger(name).warning("%s", line)

    assert HIDDEN not in deployed.text
    assert "***" in deployed.line["event"]


@pytest.mark.parametrize(
    "line",
    ["Not Found: /chat/", "the token was refused", "1200 tokens: 3 calls", "code=4410",
     "http://127.0.0.1:8000/ and a@b.example", "sk-learn"],
)  # fmt: skip
def test_other_text_is_left_alone(line: str) -> None:
    assert logs.mask_text(line) == line


def test_a_secret_of_the_environment_is_hidden_wherever_it_stands(deployed: Output) -> None:
    with env.override(NETRA_TEST_SECRET=HIDDEN):
        secret = env.secret("NETRA_TEST_SECRET")

    logger.info(f"a line with {HIDDEN} in it", deep=[HIDDEN], whole=secret)
    logger.info("the key", key=settings.SECRET_KEY)

    assert HIDDEN not in deployed.text
    assert settings.SECRET_KEY not in deployed.text


def test_a_secret_in_an_error_is_hidden(deployed: Output, readable: Output) -> None:
    try:
        raise ValueError(f"password={HIDDEN}")
    except ValueError:
        logger.exception("failed", value=Secret(HIDDEN))
        plain_logger.exception("failed")

    assert all("ValueError: password=***" in line["exception"] for line in deployed.lines)
    assert HIDDEN not in deployed.text + readable.text


def test_terminal_codes_of_uvicorn_are_not_repeated(deployed: Output) -> None:
    plain_logger.info("started", extra={"color_message": f"\x1b[1m{HIDDEN}"})

    assert "color_message" not in deployed.line


@pytest.mark.parametrize(
    "piece", ["password", "password='", "a", "://", "cookie:", "?code=", "sk-"]
)
def test_a_long_line_is_masked_in_time_linear_in_its_length(piece: str) -> None:
    line = piece * (64 * 1024 // len(piece))
    began = time.thread_time()

    logs.mask_text(line)

    assert time.thread_time() - began < 0.5
