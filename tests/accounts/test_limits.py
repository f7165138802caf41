"""Limits by network and by address."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts import limits
from accounts.models import User
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified
from tests.accounts.providers import Providers, come_by

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _fresh(settings: Settings) -> Iterator[None]:
    settings.ACCOUNTS_LIMITS = {
        "login": (3, 60),
        "signup": (3, 60),
        "new_accounts": (100, 24 * 3600),
        "provider": (100, 60),
        "mail_network": (100, 60),
        "mail_address": (2, 60),
    }
    cache.clear()
    yield
    cache.clear()


def test_a_limit_is_exact_under_parallel_use(settings: Settings) -> None:
    settings.ACCOUNTS_LIMITS = {"login": (100, 60)}
    with (
        time_machine.travel(NOON + timedelta(seconds=20), tick=False),
        ThreadPoolExecutor(16) as pool,
    ):
        waits = Counter(pool.map(lambda _: limits.take("login", "10.0.0.1"), range(300)))
    assert waits == {None: 100, 40: 200}


def test_the_next_window_is_open_again() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert [limits.take("login", "a") for _ in range(4)] == [None] * 3 + [60]
        assert limits.take("login", "b") is None
        clock.shift(timedelta(seconds=60))
        assert limits.take("login", "a") is None


def test_a_lost_bus_shuts_nobody_out(settings: Settings) -> None:
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}
    settings.CACHES = {"default": away}
    assert [limits.take("login", "a") for _ in range(5)] == [None] * 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
    ],
)
def test_an_ipv6_line_is_one_network(address: str, network: str) -> None:
    assert limits.network_of(address) == network


@pytest.mark.django_db
def test_a_network_that_signs_in_too_often_waits(client: Client) -> None:
    verified()
    for _ in range(3):
        sign_in(client, "ada@acme.org", "Wrong-Horse-9")
    answer = client.post("/accounts/login/", {"login": "ada@acme.org", "password": PASSWORD})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert b"Too many requests" in answer.content


@pytest.mark.django_db
def test_an_address_is_not_mailed_without_end_and_the_page_does_not_tell() -> None:
    verified("taken@acme.org")
    for _ in range(3):
        fields = {"email": "taken@acme.org", "password1": PASSWORD}
        answer = Client().post("/accounts/signup/", fields)
        assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert len(mail.outbox) == 2


@pytest.mark.django_db
def test_no_more_codes_than_the_limit_and_the_last_one_works(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "ada@acme.org", "password1": PASSWORD})
    assert client.post("/accounts/confirm-email/", {"action": "resend"}).status_code == 302
    assert client.post("/accounts/confirm-email/", {"action": "resend"}).status_code == 429
    client.post("/accounts/confirm-email/", {"code": mailed_code()})
    assert User.objects.get().verified_at is not None


@pytest.mark.django_db
def test_a_network_makes_so_many_accounts_a_day_by_mail_and_by_providers_together(
    providers: Providers, settings: Settings
) -> None:
    known = verified("known@acme.org")
    come_by(Client(), "github")
    cache.clear()
    settings.ACCOUNTS_LIMITS |= {"signup": (100, 60), "new_accounts": (2, 24 * 3600)}
    for address in ("new@acme.org", known.email):
        answer = Client().post("/accounts/signup/", {"email": address, "password1": PASSWORD})
        assert answer.headers["Location"] == "/accounts/confirm-email/"
    for address in ("more@acme.org", known.email):
        answer = Client().post("/accounts/signup/", {"email": address, "password1": PASSWORD})
        assert answer.status_code == 429
        assert "Too many new accounts" in answer.content.decode()
    # Who has an account comes in by a provider as before.
    assert come_by(Client(), "github").headers["Location"] == "/chat/"
    providers.is_now("google", "stranger@gmail.com")
    answer = come_by(Client(), "google")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 24 * 3600
    assert "If you have an account, sign in." in answer.content.decode()
    assert User.objects.count() == 3
