"""What every answer carries, and that no form is taken without its token."""

from collections.abc import Mapping
from typing import Final

import pytest
from django.test import Client

from tests.netra.knocking import PASSWORD, left_as_it_was, person, routes
from tests.netra.test_authorisation_matrix import OPERATIONS, PAGES, WITHOUT_CSRF, address_of

pytestmark = pytest.mark.django_db

HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.fixture
def page() -> Client:
    """A browser with a session, whose requests are checked as everybody's are."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("ada", is_staff=True, is_superuser=True))
    return client


def test_no_route_is_free_of_the_check_but_those_that_check_otherwise() -> None:
    free = {name for name, _route, pattern in routes() if is_free(pattern.callback)}
    # Operations of the API ask for the token themselves, where a session calls: below.
    assert {name for name in free if not name.startswith("api:")} == WITHOUT_CSRF


def is_free(view: object) -> bool:
    return getattr(view, "csrf_exempt", False) is True


def test_no_post_is_taken_without_its_token(page: Client) -> None:
    operations = [told.split(" ") for told in OPERATIONS if not told.startswith("GET")]
    at = {name: address_of(route, {}) for name, route, _pattern in routes()}
    pages = [("POST", at[name]) for name in PAGES if name not in WITHOUT_CSRF]
    for method, path in (*operations, *pages, ("POST", "/admin/"), ("POST", "/api/socket/")):
        with left_as_it_was(page):
            answer = page.generic(method, path, "{}", content_type="application/json")
        assert (path, answer.status_code) == (path, 403)


def test_every_page_says_what_browsers_may_do(page: Client) -> None:
    for path in ("/", "/chat/", "/accounts/login/", "/admin/", "/api/threads", "/nothing/"):
        answer = page.get(path)
        assert HEADERS.items() <= dict(answer.headers).items(), path
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_cookies_are_for_our_pages_alone() -> None:
    client = Client()
    client.get("/accounts/login/")
    person("ada")
    client.post("/accounts/login/", {"login": "ada@example.com", "password": PASSWORD})
    session, token = (client.cookies[name] for name in ("sessionid", "csrftoken"))
    assert (session["httponly"], session["samesite"], session["domain"]) == (True, "Lax", "")
    assert (token["samesite"], token["domain"]) == ("Lax", "")
    # That they need TLS where it is deployed is in test_settings.py.
