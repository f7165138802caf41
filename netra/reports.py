"""What browsers report of pages that tried what our content security policy forbids."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog
from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from msgspec import Struct

from accounts import limits

logger = structlog.get_logger(__name__)

# Browsers send some hundred bytes, and up to 40 characters of what was refused.
REPORT_BYTES_MAX: Final = 16 * 1024
FIELD_CHARS_MAX: Final = 200
LIMIT: Final = "policy_reports"


class Violation(Struct, frozen=True, kw_only=True, rename="kebab"):
    """The fields of a report (CSP 3, section 5.3) that are logged."""

    document_uri: str = ""
    blocked_uri: str = ""
    effective_directive: str = ""
    violated_directive: str = ""
    source_file: str = ""
    line_number: int = 0


class Report(Struct, frozen=True, kw_only=True, rename="kebab"):
    csp_report: Violation


@csrf_exempt  # the browser itself sends it, and it changes nothing
@require_POST
def policy_report(request: HttpRequest) -> HttpResponse:
    """Log one report, without what an address may keep secret; nothing of it is stored."""
    if int(request.headers.get("Content-Length") or 0) > REPORT_BYTES_MAX:
        return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    network = limits.network_of(get_adapter().get_client_ip(request))
    if limits.take(LIMIT, network) is not None:
        return HttpResponse(status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        report = msgspec.json.decode(request.body, type=Report).csp_report
    except (msgspec.DecodeError, UnicodeDecodeError):
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    logger.warning("policy_violated", **_told(report))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _told(report: Violation) -> dict[str, Any]:
    return {
        "page": _route_of(report.document_uri),
        "blocked": _origin_of(report.blocked_uri),
        "directive": _short(report.effective_directive or report.violated_directive),
        "source": _short(urlsplit(_sane(report.source_file)).path),
        "line": report.line_number,
    }


def _route_of(address: str) -> str:
    """The kind of page: its own address may hold an id, or the key of a shared thread."""
    try:
        return resolve(urlsplit(_sane(address)).path).route
    except Resolver404:
        return "unknown"


def _origin_of(address: str) -> str:
    """`https://host`, or the word that stands for what has no address: inline, eval, data."""
    parts = urlsplit(_sane(address))
    host = parts.netloc.rpartition("@")[2]
    return _short(f"{parts.scheme}://{host}" if host else parts.scheme or parts.path)


def _sane(address: str) -> str:
    """An address that can be taken apart, or none."""
    try:
        urlsplit(address)
    except ValueError:
        return ""
    return address


def _short(text: str) -> str:
    return text[:FIELD_CHARS_MAX]
