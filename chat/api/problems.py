"""What the API answers where it cannot do what was asked: problem details (RFC 9457)."""

from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Any, Final

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from billing.errors import LimitReached
from chat.connection.refusals import OUTAGES, REFUSALS, RETRY_AFTER_S, UNAVAILABLE, limit_refusal
from chat.errors import ChatError
from chat.protocol.codes import RETRYABLE, ErrorCode
from chat.protocol.frames import FrameRefused, encode_value

logger = structlog.get_logger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
ERRORS_SHOWN_MAX: Final = 20
# Every other refusal is the request's own fault: 422.
_STATUS: Final[Mapping[ErrorCode, HTTPStatus]] = MappingProxyType(
    {
        ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
        ErrorCode.CLIENT_ID_REUSED: HTTPStatus.CONFLICT,
        ErrorCode.ALREADY_DECIDED: HTTPStatus.CONFLICT,
        ErrorCode.NOT_ENDED: HTTPStatus.CONFLICT,
        ErrorCode.READ_ONLY: HTTPStatus.FORBIDDEN,
        ErrorCode.VERIFY_EMAIL: HTTPStatus.FORBIDDEN,
        ErrorCode.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorCode.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorCode.LIMIT_REACHED: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


class Problem(Exception):
    """A request that is refused; `code` is for programs, `detail` says what to do."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.errors = errors

    def response(self) -> HttpResponse:
        told: dict[str, Any] = {
            "type": f"urn:netra:problem:{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retry_after_s is not None or self.code in RETRYABLE,
        }
        if self.errors is not None:
            told["errors"] = self.errors
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(ceil(self.retry_after_s))
        if self.status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="Netra"'
        return HttpResponse(
            encode_value(told), content_type=CONTENT_TYPE, status=self.status, headers=headers
        )


def install(api: NinjaAPI) -> None:
    """Let every refusal of the API be told as a problem."""
    for kind, told in _TOLD.items():
        api.add_exception_handler(kind, _handler(told))
    api.add_exception_handler(Exception, _fault)


def tell_method(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Tell a method that a route does not have as a problem, too."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        allowed = response["Allow"]
        told = Problem(
            HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", f"Here is only {allowed}."
        ).response()
        told["Allow"] = allowed
        return told

    return answer


def _handler(told: Callable[[Any], Problem]) -> Callable[[HttpRequest, Any], HttpResponse]:
    def answer(_request: HttpRequest, error: Any) -> HttpResponse:
        return told(error).response()

    return answer


def of_refusal(refused: FrameRefused) -> Problem:
    """The same refusal as on a socket."""
    status = _STATUS.get(refused.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(status, refused.code.value, refused.message, retry_after_s=refused.retry_after_s)


def not_signed_in() -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "not_signed_in",
        "Send `Authorization: Bearer` with an API token; the account pages make them.",
    )


def _of_chat(error: ChatError) -> Problem:
    return of_refusal(FrameRefused(*REFUSALS[type(error)]))


def _of_outage(_error: Exception) -> Problem:
    return of_refusal(FrameRefused(ErrorCode.UNAVAILABLE, UNAVAILABLE, retry_after_s=RETRY_AFTER_S))


def _of_http_error(error: HttpError) -> Problem:
    status = HTTPStatus(error.status_code)
    return Problem(status, status.name.lower(), f"{error.message.removesuffix('.')}.")


def _of_unreadable(_error: Exception) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST, "bad_request", "The body cannot be read as its type says."
    )


def _of_too_large(_error: Exception) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request_too_large",
        "The request is too large. Send long text as a file.",
    )


def _of_invalid(error: ValidationError) -> Problem:
    # Never the input itself: what was sent may be long, or secret.
    errors = [
        {"at": [str(part) for part in one["loc"]], "problem": str(one["msg"])}
        for one in error.errors[:ERRORS_SHOWN_MAX]
    ]
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid_request",
        "The request does not have the form that /api/openapi.json describes.",
        errors=errors,
    )


def _fault(request: HttpRequest, error: Any) -> HttpResponse:
    logger.exception("a request to the API failed", path=request.path, exc_info=error)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        ErrorCode.FAILED.value,
        "This could not be done. It was noted, and we will look at it.",
        retry_after_s=RETRY_AFTER_S,
    ).response()


_TOLD: Final[Mapping[type[Exception], Callable[[Any], Problem]]] = MappingProxyType(
    {
        Problem: lambda problem: problem,
        FrameRefused: of_refusal,
        ChatError: _of_chat,
        LimitReached: lambda reached: of_refusal(limit_refusal(reached)),
        HttpError: _of_http_error,
        AuthenticationError: lambda _error: not_signed_in(),
        ValidationError: _of_invalid,
        RequestDataTooBig: _of_too_large,
        # Django's own words for a body that breaks off, or has too many parts.
        **dict.fromkeys(
            (MultiPartParserError, SuspiciousOperation, UnreadablePostError), _of_unreadable
        ),
        # Half of a surrogate pair in free JSON: no text that could be stored or sent.
        UnicodeEncodeError: _of_unreadable,
        **dict.fromkeys(OUTAGES, _of_outage),
    }
)
