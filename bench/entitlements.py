"""What plans cost: the check before a send, reservations, and the operators' pages of a crowd."""

import asyncio
import http.client
import itertools
import time
from collections.abc import Iterator
from functools import partial
from typing import Final

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from bench import servers
from bench.people import Person, people
from bench.table import Row, Wanted, quantile
from billing.crowd import Crowd, gather
from billing.errors import LimitReached
from billing.models import Grant
from billing.selectors import entitlements_of
from billing.services import reserve
from chat.database import in_database

CROWD: Final = Crowd(accounts=10_000, grants=100_000)
CHECKS: Final = 2_000
REPEATS: Final = 3
RUN_S: Final = 3.0
# As many as have a connection of their own in one process.
THREADS: Final = 8
PEOPLE_EACH: Final = 20
VIEWS: Final = 20
WARM: Final = 3

_keys: Iterator[int] = itertools.count()


async def rows() -> list[Row]:
    await in_database(_gathered)
    asking = await in_database(people, THREADS * PEOPLE_EACH)
    checks = [await in_database(_checks, asking[0].user) for _ in range(REPEATS)]
    rates = [await _reservations(asking) for _ in range(REPEATS)]
    # The pages name their files as those were collected.
    await in_database(partial(call_command, "collectstatic", interactive=False, verbosity=0))
    with servers.web("netra") as server:
        pages = await asyncio.to_thread(_views, server.port, await in_database(_operators_cookie))
    return [
        Row(
            name="entitlements of an account, p95",
            unit="ms",
            netra=checks,
            wanted=(Wanted(bound="most", value=1),),
        ),
        Row(
            name=f"reservations, {THREADS} threads of one process",
            unit="1/s",
            netra=rates,
            wanted=(Wanted(bound="least", value=1000),),
        ),
        *(
            Row(
                name=f"admin with {CROWD.grants:,} grants: {name}, p95",
                unit="ms",
                netra=[took],
                wanted=(Wanted(bound="most", value=300),),
            )
            for name, took in pages.items()
        ),
    ]


def _gathered() -> None:
    for _ in gather(CROWD):
        pass
    with connection.cursor() as cursor:
        # As the server does by itself some minutes later.
        cursor.execute("ANALYZE")


def _checks(user: User) -> float:
    took = []
    for _ in range(CHECKS):
        asked_at = time.perf_counter()
        entitlements_of(user)
        took.append(1000 * (time.perf_counter() - asked_at))
    return quantile(took, 0.95)


async def _reservations(asking: list[Person]) -> float:
    """Of many accounts, a transaction each, as many at once as there are threads."""
    parts = [asking[part::THREADS] for part in range(THREADS)]
    made = await asyncio.gather(*(in_database(_reserved, part) for part in parts))
    return sum(made) / RUN_S


def _reserved(asking: list[Person]) -> int:
    until = time.perf_counter() + RUN_S
    for made, person in enumerate(itertools.cycle(asking)):
        if time.perf_counter() > until:
            return made
        try:
            reserve(user=person.user, feature="runs_month", amount=1, key=f"bench {next(_keys)}")
        except LimitReached:
            raise RuntimeError("the limit is too low for this bench") from None
    raise AssertionError("a cycle has no end")


def _operators_cookie() -> str:
    boss = User.objects.create_superuser("boss@bench.example")
    TOTP.activate(boss, generate_totp_secret())
    client = Client()
    client.force_login(boss)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _pages() -> dict[str, str]:
    accounts = reverse("admin:billing_account_changelist")
    grants = reverse("admin:billing_grant_changelist")
    one = Grant.objects.latest("pk").user_id
    return {
        "accounts": accounts,
        "accounts on mid": f"{accounts}?tier=mid",
        "accounts with a subscription": f"{accounts}?source=subscription",
        "accounts whose trial ends": f"{accounts}?attention=trial",
        "accounts near a limit": f"{accounts}?attention=quota",
        "accounts found by address": f"{accounts}?q=person77",
        "one account": reverse("admin:billing_account_change", args=[one]),
        "dashboard": reverse("admin:billing_dashboard_changelist"),
        "grants": grants,
        "live grants": f"{grants}?state=live",
        "grants found by address": f"{grants}?q=person77",
        "ledger": (ledger := reverse("admin:billing_tierchange_changelist")),
        "ledger of an address": f"{ledger}?q=person77",
        "usage": reverse("admin:billing_usagecounter_changelist"),
    }


def _views(port: int, cookie: str) -> dict[str, float]:
    took = {}
    for name, page in _pages().items():
        views = [_view(port, page, cookie) for _ in range(WARM + VIEWS)]
        took[name] = quantile(views[WARM:], 0.95)
    connection.close()
    return took


def _view(port: int, page: str, cookie: str) -> float:
    headers = {"Cookie": cookie, "X-Forwarded-Proto": "https"}
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    asked_at = time.perf_counter()
    client.request("GET", page, headers=headers)
    answer = client.getresponse()
    answer.read()
    took = 1000 * (time.perf_counter() - asked_at)
    client.close()
    if answer.status != 200:
        raise RuntimeError(f"{page} was answered {answer.status}")
    return took
