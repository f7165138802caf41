"""Every account page: labelled, tied to its errors, and within the content policy."""

import re
from html.parser import HTMLParser

import pytest
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts import endpoints
from accounts.errors import LinkRefusal
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified
from tests.accounts.providers import Providers, come_by

pytestmark = pytest.mark.django_db


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.labelled: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.broken: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "label" and found.get("for"):
            self.labelled.add(str(found["for"]))
        if tag == "input" and found.get("type") != "hidden":
            self.fields.append(found)
        if "style" in found or any(name.startswith("on") for name in found):
            self.broken.append(f"<{tag}> has inline style or script")
        if tag == "script" and "src" not in found:
            self.broken.append("inline script")


def check(text: str) -> None:
    page = Page(text)
    assert page.broken == []
    assert page.tags.count("h1") == 1
    for field in page.fields:
        assert field.get("id") in page.labelled, field
        assert field.get("autocomplete"), field
        assert set((field.get("aria-describedby") or "").split()) <= page.ids, field
    if page.fields:
        assert sum("autofocus" in field for field in page.fields) >= 1


OPEN = ["login", "signup", "password/reset", "inactive"]
OWN = [
    "logout",
    "profile",
    "email",
    "password/change",
    "reauthenticate",
    "3rdparty",
    "2fa",
    "2fa/app/on",
    "sessions",
    "export",
    "delete",
]


@pytest.mark.parametrize("place", OPEN)
def test_pages_before_sign_in(client: Client, place: str) -> None:
    check(client.get(f"/accounts/{place}/").content.decode())


@pytest.mark.parametrize("place", OWN)
def test_pages_after_sign_in(client: Client, place: str) -> None:
    verified()
    sign_in(client, "ada@acme.org")
    check(client.get(f"/accounts/{place}/").content.decode())


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ("login", {"login": "ada@acme.org", "password": "Wrong-Horse-9"}),
        ("login", {"login": "ada"}),
        ("signup", {"email": "ada", "password1": "weak"}),
        ("password/reset", {"email": "ada"}),
    ],
)
def test_pages_with_errors(client: Client, place: str, fields: dict[str, str]) -> None:
    text = client.post(f"/accounts/{place}/", fields).content.decode()
    check(text)
    assert 'aria-invalid="true"' in text or 'role="alert"' in text


def test_the_pages_of_a_reset(client: Client) -> None:
    verified()
    client.post("/accounts/password/reset/", {"email": "ada@acme.org"})
    check(client.get("/accounts/password/reset/confirm/").content.decode())
    client.post("/accounts/password/reset/confirm/", {"code": mailed_code()})
    check(client.get("/accounts/password/reset/complete/").content.decode())
    check(client.get("/accounts/password/reset/done/").content.decode())


def test_the_code_page_and_its_mail(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "ada@acme.org", "password1": PASSWORD})
    check(client.get("/accounts/confirm-email/").content.decode())
    message = mail.outbox[-1]
    assert isinstance(message, mail.EmailMultiAlternatives)
    html = str(message.alternatives[0][0])
    assert mailed_code() in html
    assert re.search(r"https?://", html) is None


@pytest.mark.parametrize("name", ["403", "403_csrf", "404", "429", "500"])
def test_error_pages_need_nothing_but_themselves(name: str) -> None:
    check(render_to_string(f"{name}.html"))


def test_an_expired_form_is_said_in_our_words() -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/accounts/login/", {"login": "ada@acme.org", "password": PASSWORD})
    assert answer.status_code == 403
    assert b"This form has expired" in answer.content


@pytest.mark.parametrize("place", ["login", "signup"])
def test_only_configured_providers_have_a_button(
    client: Client, providers: Providers, settings: Settings, place: str
) -> None:
    every = client.get(f"/accounts/{place}/").content.decode()
    check(every)
    settings.SOCIALACCOUNT_PROVIDERS = endpoints.provider_settings(providers.clients[1:2])
    one = client.get(f"/accounts/{place}/").content.decode()
    assert re.findall(r"Continue with (\w+)", every) == ["GitHub", "Google", "LinkedIn"]
    assert re.findall(r"Continue with (\w+)", one) == ["GitHub"]


def test_a_button_keeps_where_to_go_next(client: Client, providers: Providers) -> None:
    page = client.get("/accounts/login/?next=/accounts/email/").content.decode()
    assert "/accounts/google/login/?process=login&amp;next=%2Faccounts%2Femail%2F" in page


def test_the_page_before_a_provider_and_those_after_it(
    client: Client, providers: Providers
) -> None:
    for place in ("google/login/?process=login", "github/login/", "oidc/linkedin/login/"):
        check(client.get(f"/accounts/{place}").content.decode())
    check(client.get("/accounts/google/login/callback/").content.decode())
    for place in ("cancelled", "error"):
        check(client.get(f"/accounts/3rdparty/login/{place}/").content.decode())


def test_the_page_of_what_is_linked(client: Client, providers: Providers) -> None:
    come_by(client, "google")
    alone = client.get("/accounts/3rdparty/").content.decode()
    check(alone)
    assert "disabled" in alone
    assert re.findall(r">Link (\w+)<", alone) == ["GitHub", "LinkedIn"]
    come_by(client, "github", process="connect")
    both = client.get("/accounts/3rdparty/").content.decode()
    check(both)
    assert "disabled" not in both


@pytest.mark.parametrize("reason", LinkRefusal)
def test_every_reason_not_to_link_has_its_page(reason: LinkRefusal) -> None:
    shown = {"reason": reason.value, "provider": "GitHub", "request": RequestFactory().get("/")}
    check(render_to_string("accounts/link_refused.html", shown))


@pytest.mark.parametrize(
    "name", ["accounts/sign_in_again", "accounts/mail_away", "account/signup_closed"]
)
def test_pages_that_only_trouble_shows(name: str) -> None:
    check(render_to_string(f"{name}.html", {"request": RequestFactory().get("/")}))
