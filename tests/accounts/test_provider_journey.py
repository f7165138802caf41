"""Signing in by a provider at a real server that knows it by its environment alone."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from playwright.sync_api import Page, sync_playwright
from pytest_django import DjangoDbBlocker
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.accounts.providers import DOORS, Providers
from tests.conftest import environment_of_servers
from tests.fakes.oauth_provider import CLIENT_ID, CLIENT_SECRET
from tests.journeys.browser import ARGUMENTS, CHROMIUM
from tests.journeys.conftest import empty_database
from tests.servers import Servers, wait_until

NOTICED_WITHIN_S = 1.0
# A loaded machine may be slow without anything being wrong; what is promised is measured by bench.
PATIENCE = 5

# Makes sure of the test database; what the server writes there stays until the module is done.
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def servers(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, provider_servers: Providers
) -> Iterator[Servers]:
    """One web process for all journeys, each of which has people of its own."""
    variables: dict[str, str] = {}
    for client in provider_servers.clients:
        name = f"NETRA_OAUTH_{client.provider.upper()}"
        variables |= {
            f"{name}_CLIENT_ID": CLIENT_ID,
            f"{name}_SECRET": CLIENT_SECRET,
            f"{name}_BASE_URL": client.base_url,
        }
    with django_db_blocker.unblock():
        made = Servers(environment_of_servers() | variables)
        try:
            made.start_web()
            wait_until(lambda: made.answers("/health/live"))
            yield made
        finally:
            made.stop()
            empty_database()


def become(providers: Providers, name: str) -> None:
    """Let one person be signed in at each provider, whom no other journey has met."""
    providers.forget()
    for position, provider in enumerate(DOORS):
        number = len(name) * 100 + position
        subject = number if provider == "github" else str(number)
        providers.is_now(provider, f"{name}@gmail.com", subject=subject)


def press(session: requests.Session, servers: Servers, place: str, **fields: str) -> str:
    """Send a form of ours, after reading the page that it stands on; where that ends."""
    session.get(f"{servers.base_url}/accounts/login/", timeout=10)
    token = session.cookies["csrftoken"]
    answer = session.post(
        f"{servers.base_url}{place}", {"csrfmiddlewaretoken": token, **fields}, timeout=20
    )
    return urlsplit(answer.url).path


@contextmanager
def socket(session: requests.Session, servers: Servers) -> Iterator[ClientConnection]:
    """A connection of the session's, past its `ready`."""
    with connect(
        f"ws://127.0.0.1:{servers.port}/ws/chat/",
        additional_headers={"Cookie": f"sessionid={session.cookies['sessionid']}"},
        origin=Origin(servers.base_url),
        subprotocols=[Subprotocol("netra.v1")],
    ) as connection:
        until(connection, "ready")
        yield connection


def until(connection: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a kind."""
    while True:
        frame: dict[str, Any] = json.loads(connection.recv(timeout=20))
        if frame["type"] == kind:
            return frame


def test_each_provider_signs_in_and_a_link_taken_away_is_told_to_open_sockets(
    servers: Servers, provider_servers: Providers
) -> None:
    become(provider_servers, "ada")
    session = requests.Session()
    assert press(session, servers, DOORS["google"]) == "/chat/"
    for name in ("github", "linkedin"):
        place = f"{DOORS[name]}?process=connect"
        assert press(session, servers, place) == "/accounts/3rdparty/"
    account = SocialAccount.objects.get(provider="github", user__email="ada@gmail.com")
    with socket(session, servers) as connection:
        began = time.monotonic()
        press(session, servers, "/accounts/3rdparty/", account=str(account.pk))
        frame = until(connection, "account")
        assert time.monotonic() - began < NOTICED_WITHIN_S * PATIENCE
    assert frame["entitlements"]["base_tier"] == "free"


def test_an_evicted_squatters_socket_is_closed(
    servers: Servers, provider_servers: Providers
) -> None:
    become(provider_servers, "grace")
    provider_servers.is_now("github", "grace@gmail.com", subject=7, verified=False)
    squatter = requests.Session()
    assert press(squatter, servers, DOORS["github"]) == "/chat/"
    with socket(squatter, servers) as connection:
        began = time.monotonic()
        assert press(requests.Session(), servers, DOORS["google"]) == "/chat/"
        with pytest.raises(ConnectionClosed):
            until(connection, "a frame that never comes")
        assert time.monotonic() - began < NOTICED_WITHIN_S * PATIENCE
    assert urlsplit(squatter.get(f"{servers.base_url}/chat/").url).path == "/accounts/login/"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_goes_to_every_provider_and_back(
    servers: Servers, provider_servers: Providers
) -> None:
    become(provider_servers, "katherine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            walk(browser.new_page(viewport={"width": 390, "height": 844}), servers)
        finally:
            browser.close()


def walk(page: Page, servers: Servers) -> None:
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
    page.goto(f"{servers.base_url}/accounts/login/")
    page.get_by_role("button", name="Continue with Google").click()
    page.wait_for_url("**/chat/")
    page.goto(f"{servers.base_url}/accounts/3rdparty/")
    for name in ("GitHub", "LinkedIn"):
        page.get_by_role("button", name=f"Link {name}").click()
        page.get_by_text(f"{name} is linked").wait_for()
    page.get_by_role("button", name="Unlink GitHub").click()
    page.get_by_text("GitHub is unlinked").wait_for()
    assert [fault for fault in faults if fault.startswith("error")] == []
