"""What several suites of accounts share."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from accounts import endpoints
from accounts.signals import access_ended
from tests.accounts.providers import Providers, running


@pytest.fixture(scope="session")
def provider_servers() -> Iterator[Providers]:
    with running() as started:
        yield started


@pytest.fixture
def providers(provider_servers: Providers, settings: Settings) -> Providers:
    """Google, GitHub and LinkedIn on localhost, each with the same person signed in."""
    provider_servers.forget()
    settings.SOCIALACCOUNT_PROVIDERS = endpoints.provider_settings(provider_servers.clients)
    return provider_servers


@pytest.fixture
def ended() -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(*, user_id: str, **_: Any) -> None:
        heard.append(str(user_id))

    access_ended.connect(hear)
    yield heard
    access_ended.disconnect(hear)
