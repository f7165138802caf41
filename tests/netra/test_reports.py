"""Reports of what our content security policy forbade: logged short, limited, never stored."""

import json
from http import HTTPStatus

import pytest
from django.test import Client
from pytest_django import Settings
from structlog.testing import capture_logs

from netra import reports

SECRET = "Zk3v-secret-key"
BODY = {
    "csp-report": {
        "document-uri": f"https://netra.example/chat/thread_1_abc/?next={SECRET}",
        "blocked-uri": f"https://someone:{SECRET}@evil.example/steal?what={SECRET}",
        "effective-directive": "img-src",
        "source-file": f"https://netra.example/static/chat/main.js?{SECRET}",
        "line-number": 12,
        "script-sample": SECRET,
    }
}


def send(client: Client, body: object, **more: str) -> int:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    answer = client.post("/csp-reports/", text, content_type="application/csp-report", **more)  # type: ignore[arg-type]  # headers of the environment
    return answer.status_code


def test_a_report_is_logged_without_what_an_address_may_keep_secret(client: Client) -> None:
    with capture_logs() as lines:
        assert send(client, BODY) == HTTPStatus.NO_CONTENT

    assert lines == [
        {
            "event": "policy_violated",
            "log_level": "warning",
            "page": "chat/<str:thread_id>/",
            "blocked": "https://evil.example",
            "directive": "img-src",
            "source": "/static/chat/main.js",
            "line": 12,
        }
    ]


@pytest.mark.parametrize(
    ("field", "value", "logged"),
    [
        ("blocked-uri", "inline", {"blocked": "inline"}),
        ("blocked-uri", "http://[", {"blocked": ""}),
        ("document-uri", "https://netra.example/no/such/page", {"page": "unknown"}),
        ("effective-directive", "x" * 9_000, {"directive": "x" * reports.FIELD_CHARS_MAX}),
    ],
)
def test_odd_fields_are_bounded(
    client: Client, field: str, value: str, logged: dict[str, str]
) -> None:
    with capture_logs() as lines:
        assert send(client, {"csp-report": BODY["csp-report"] | {field: value}}) == 204

    assert logged.items() <= lines[0].items()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("no json", HTTPStatus.BAD_REQUEST),
        (b'{"csp-report":{"blocked-uri":"\xff"}}', HTTPStatus.BAD_REQUEST),
        ({"other": 1}, HTTPStatus.BAD_REQUEST),
        ({"csp-report": {"line-number": "x"}}, HTTPStatus.BAD_REQUEST),
        ("x" * (reports.REPORT_BYTES_MAX + 1), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
)
def test_what_is_no_report_is_refused_and_not_logged(
    client: Client, body: object, status: int
) -> None:
    with capture_logs() as lines:
        assert send(client, body) == status

    assert lines == []


def test_a_network_cannot_fill_the_log(client: Client, settings: Settings) -> None:
    settings.ACCOUNTS_LIMITS = settings.ACCOUNTS_LIMITS | {reports.LIMIT: (2, 60)}
    with capture_logs() as lines:
        answers = [send(client, BODY, REMOTE_ADDR="192.0.2.77") for _ in range(4)]

    assert answers[-1] == HTTPStatus.TOO_MANY_REQUESTS
    assert len(lines) <= 3, "two windows may touch"


def test_every_page_names_where_to_report(client: Client) -> None:
    policy = client.get("/health/live").headers["Content-Security-Policy"]

    assert "report-uri /csp-reports/" in policy
    assert "frame-src 'none'" in policy
