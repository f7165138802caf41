"""Structured logs: each line carries the request, connection and run it belongs to."""

import logging.config
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from netra import env
from netra.env import MASK, Environment
from netra.ids import RequestID

REQUEST_ID_HEADER: Final = "X-Request-ID"
_REQUEST_ID_KEY: Final = "HTTP_X_REQUEST_ID"
# What the shortest column that keeps one has room for.
REQUEST_ID_LENGTH_MAX: Final = 48
# Deeper values are shown as text: a line is for reading, and a value may contain itself.
DEPTH_MAX: Final = 6

# Counts and codes of ours stay readable: `input_tokens`, `status_code`, `close_code`.
_NAMES: Final = (
    r"passw(?:or)?d|passphrase|secret|token(?!s)|authorization|cookie|credential|session_?key"
    r"|session_?id|csrf|(?:api|private|model|signing|encryption)[ _-]?key"
)
_SECRET_NAME: Final = re.compile(rf"{_NAMES}|^code$|(?:login|mail|verification)_code|^otp$", re.I)
# What follows a secret name in a line: up to the end of a quoted value, a word, or a header's line.
_VALUE: Final = r"b?'[^']*'|b?\"[^\"]*\"|b?['\"]?[^\s&,;\"'()\[\]{}]+"
_EQUALS: Final = r"\w{0,32}(?: provided)?(?:['\"]?\s{0,3}[:=]|['\"],)\s{0,3}"
_IN_TEXT: Final = (
    (re.compile(r"((?:authorization|cookie)\s{0,3}[:=]\s{0,3})[^\s'\"][^\r\n]*", re.I), r"\1***"),
    (re.compile(rf"((?:{_NAMES}){_EQUALS})(?:{_VALUE})", re.I), r"\1***"),
    (re.compile(r"([?&](?:code|state|key|signature)=)[^\s&\"']+", re.I), r"\1***"),
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.I), r"\1***"),
    (re.compile(r"(://[^\s/:@]{0,256}:)[^\s/]{1,256}@"), r"\1***@"),
    (re.compile(r"\bsk-[\w-]{12,}"), MASK),
)


class Level(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def mask_text(line: str) -> str:
    """`line` without what looks like a secret, or is one that was read from the environment."""
    line = env.masked(line)
    for pattern, replacement in _IN_TEXT:
        line = pattern.sub(replacement, line)
    return line


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values whose name says that they are secret, and secrets inside of other values."""
    event.pop("color_message", None)  # uvicorn's own copy of the line, with terminal codes
    return {name: _masked(value, name=name, depth=0) for name, value in event.items()}


def _masked(value: object, *, name: str, depth: int) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)  # JSON knows no NaN
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, Mapping) and depth < DEPTH_MAX:
        names = {_text(key): inner for key, inner in value.items()}
        return {key: _masked(inner, name=key, depth=depth + 1) for key, inner in names.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < DEPTH_MAX:
        return _masked_items(tuple(value), depth=depth + 1)
    return mask_text(_text(value))


def _masked_items(items: tuple[object, ...], *, depth: int) -> list[object]:
    if len(items) == 2 and isinstance(items[0], (str, bytes)):
        # A pair may be a header's name and value.
        name = _text(items[0])
        return [mask_text(name), _masked(items[1], name=name, depth=depth)]
    return [_masked(item, name="", depth=depth) for item in items]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return value if isinstance(value, str) else repr(value)


def describe_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show Django's request as method and path: a query may hold what is nobody's business."""
    request = event.get("request")
    if isinstance(request, HttpRequest):
        event["request"] = f"{request.method} {request.path}"
        # Django logs a refusal after the middleware has ended, and with it the bound id.
        request_id = request.META.get(_REQUEST_ID_KEY)
        if isinstance(request_id, RequestID):
            event.setdefault("request_id", request_id)
    return event


_CONTEXT: Final[tuple[Processor, ...]] = (
    merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def formatter(environment: Environment) -> ProcessorFormatter:
    """Lines for people in development and tests, one JSON object a line where it is deployed."""
    readable = environment in (Environment.DEVELOPMENT, Environment.TEST)
    return ProcessorFormatter(
        foreign_pre_chain=_CONTEXT,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            describe_request,
            # Before the masking, which is to see it; and never with the values of local variables.
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
            if readable
            else structlog.processors.JSONRenderer(),
        ],
    )


def worth_a_line(record: logging.LogRecord) -> bool:
    """A probe that finds a dependency away is answered 503 each time; that is its answer."""
    request = getattr(record, "request", None)
    return not (isinstance(request, HttpRequest) and request.path.startswith("/health/"))


def configure(environment: Environment, *, level: str) -> None:
    """Route the standard library's logging and structlog through one formatter to stderr."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"netra": {"()": formatter, "environment": environment}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "netra"}},
            "filters": {"worth_a_line": {"()": lambda: worth_a_line}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # One line a request or socket is what a proxy in front writes already.
                "uvicorn.access": {"level": "WARNING"},
                # Among its INFO lines are two for every socket.
                "uvicorn.error": {"level": "WARNING"},
                "django.request": {"filters": ["worth_a_line"]},
                "procrastinate": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
                # It would write down what servers of tools sent.
                "mcp": {"level": "CRITICAL"},
                "stripe": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*_CONTEXT, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class RequestIDMiddleware:
    """Gives each request an id, in its logs and in the answer's `X-Request-ID`."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request_id = request.META[_REQUEST_ID_KEY] = _request_id(request)
        with bound_contextvars(request_id=request_id):
            answer = self.get_response(request)
        if isinstance(answer, HttpResponseBase):
            return _marked(answer, request_id)
        return _awaited(answer, request_id)


async def _awaited(answer: Awaitable[HttpResponseBase], request_id: RequestID) -> HttpResponseBase:
    with bound_contextvars(request_id=request_id):
        return _marked(await answer, request_id)


def _marked(response: HttpResponseBase, request_id: RequestID) -> HttpResponseBase:
    response.headers[REQUEST_ID_HEADER] = request_id
    return response


def _request_id(request: HttpRequest) -> RequestID:
    """The id that a proxy in front gave, if it is one of ours; else a new one."""
    given = request.META.get(_REQUEST_ID_KEY, "")
    try:
        return RequestID(given) if len(given) <= REQUEST_ID_LENGTH_MAX else RequestID.new()
    except ValueError:
        return RequestID.new()
