"""How values become answers: encoded once, by the encoder of the socket."""

from http import HTTPStatus
from typing import Any, Final

from django.http import HttpResponse

from chat.api.schemas import ProblemView
from chat.protocol.frames import encode_value

# Of every route that asks who calls, for its part of the document.
REFUSALS: Final[dict[int, Any]] = dict.fromkeys((400, 401, 403, 413, 422, 429, 503), ProblemView)
MISSING: Final[dict[int, Any]] = {404: ProblemView}
CONFLICT: Final[dict[int, Any]] = {409: ProblemView}


def done() -> HttpResponse:
    return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})


def json(value: object, *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    response = HttpResponse(encode_value(value), content_type="application/json", status=status)
    response["Cache-Control"] = "private, no-store"
    return response
