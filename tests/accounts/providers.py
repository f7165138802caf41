"""The three providers for a test, and a browser's way to each of them and back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts import endpoints, id_tokens
from accounts.evidence import Authority, Evidence
from accounts.models import AuditEvent, AuditKind, User
from tests.fakes.oauth_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Person,
    Provider,
    oauth_provider,
)

DOORS = {
    "google": "/accounts/google/login/",
    "github": "/accounts/github/login/",
    "linkedin": "/accounts/oidc/linkedin/login/",
}
# What each provider calls the same person.
SUBJECTS: dict[str, Any] = {"google": "1042", "github": 42, "linkedin": "qX7"}


@dataclass(frozen=True)
class Providers:
    google: Provider
    github: Provider
    linkedin: Provider

    def __getitem__(self, name: str) -> Provider:
        provider = getattr(self, name)
        assert isinstance(provider, Provider)
        return provider

    def is_now(self, name: str, email: Any, **more: Any) -> None:
        """Let another person be signed in at the provider."""
        self[name].person = Person(**{"subject": SUBJECTS[name], "email": email} | more)

    def forget(self) -> None:
        """Let all be as new, with one person who has an account at each."""
        id_tokens.forget_documents()
        for name in endpoints.PROVIDERS:
            self[name].forget()
            self.is_now(name, "ada@gmail.com")

    @property
    def clients(self) -> list[endpoints.Client]:
        return [
            endpoints.Client(
                provider=name,
                client_id=CLIENT_ID,
                secret=CLIENT_SECRET,
                base_url=self[name].base_url,
            )
            for name in endpoints.PROVIDERS
        ]


@contextmanager
def running() -> Iterator[Providers]:
    with ExitStack() as stack:
        yield Providers(*(stack.enter_context(oauth_provider()) for _ in range(3)))


def ask(client: Client, name: str, **query: str) -> str:
    """Press the button; where the browser is sent."""
    response = client.post(DOORS[name], query_params=query)
    assert response.status_code == 302, response.content.decode()
    return response.headers["Location"]


def consent(place: str) -> str:
    """Be sent back by the provider; the path of our callback with its query."""
    answer = requests.get(place, allow_redirects=False, timeout=10)
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def come_by(client: Client, name: str, **query: str) -> Any:
    """The whole way; what our callback answers."""
    return client.get(consent(ask(client, name, **query)))


def asked(place: str) -> dict[str, str]:
    """The parameters of an authorisation request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}


def who(client: Client) -> User | None:
    """Who is signed in."""
    primary_key = client.session.get("_auth_user_id")
    return None if primary_key is None else User.objects.get(pk=primary_key)


# What the tests of identities and of linking share.
PAGE = "/accounts/3rdparty/"
EVERY = pytest.mark.parametrize("name", list(DOORS))


def audited(kind: AuditKind) -> list[dict[str, Any]]:
    return list(AuditEvent.objects.filter(kind=kind).values_list("details", flat=True))


def evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "provider": "github",
        "issuer": "https://github.example",
        "subject": "42",
        "address": "ada@gmail.com",
        "verified": True,
        "authority": Authority.ATTESTED,
    }
    return Evidence(**fields | changes)


def unlink(client: Client, name: str) -> Any:
    account = SocialAccount.objects.get(provider=name)
    return client.post(PAGE, {"account": account.pk}, follow=True)
