"""The page of one's own plan: what it says, to whom, and at what cost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing import services
from billing.selectors import catalogue
from billing.tiers import Tier
from chat.usage import add_to_day
from tests.billing.conftest import MakeGrant

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client) -> str:
    answer = client.get(reverse("plan"))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_only_whoever_is_signed_in_sees_it(client: Client) -> None:
    answer = client.get("/plan/")
    assert answer.status_code == 302
    assert answer["Location"].endswith("?next=/plan/")


def test_nobody_keeps_a_copy(client_of: Client) -> None:
    assert "no-store" in client_of.get("/plan/")["Cache-Control"]
    assert client_of.post("/plan/").status_code == 405


def test_it_says_what_why_until_when_and_what_next(
    client_of: Client, user: User, give: MakeGrant
) -> None:
    give(user, Tier.EARLY, kind="trial", days=14)
    shown = page(client_of)
    assert "Early plan by a trial until 29 June 2026, 12:00 UTC, then the free plan." in shown
    assert 'From <time datetime="2026-06-29T12:00:00+00:00">29 June 2026, 12:00 UTC' in shown
    assert "you are on the free plan" in shown
    assert "1,000 runs a month" in shown
    assert "alert__title" not in shown


def test_every_counted_limit_has_a_meter_with_its_words(client_of: Client, user: User) -> None:
    services.consume(user=user, feature="runs_month", amount=950, key="a")
    shown = page(client_of)
    assert 'max="1000" value="950" aria-labelledby="meter-runs_month">950 of 1,000<' in shown
    assert shown.count("<meter") == 4
    assert "95 % is used." in shown
    assert "The early plan has 10,000." in shown
    assert "1 July 2026, 00:00 UTC" in shown


def test_an_exception_is_told_as_one(client_of: Client, user: User) -> None:
    services.override_feature(
        user=user,
        feature="runs_month",
        value=0,
        starts_at=NOW,
        ends_at=None,
        reason="x",
        actor=None,
    )
    shown = page(client_of)
    assert "By an exception from our staff: 0 runs a month." in shown
    assert "Set for you by our staff." in shown
    assert shown.count("<meter") == 3


@pytest.mark.parametrize(
    ("days", "headline"),
    [
        (6.9, ""),
        (7, "Your Early trial ends in 7 days"),
        (13.5, "Your Early trial ends within a day"),
        (14, "Your Early trial has ended"),
        (21, ""),
    ],
)
def test_the_trial_is_spoken_of_as_it_ends(
    client_of: Client,
    user: User,
    give: MakeGrant,
    clock: time_machine.Traveller,
    days: float,
    headline: str,
) -> None:
    give(user, Tier.EARLY, kind="trial", days=14)
    clock.shift(timedelta(days=days))
    client_of.force_login(user)
    shown = page(client_of)
    assert headline in shown
    assert ("alert__title" in shown) is bool(headline)


def test_whoever_goes_on_with_the_plan_is_not_frightened(
    client_of: Client, user: User, give: MakeGrant
) -> None:
    give(user, Tier.EARLY, kind="trial", days=2)
    give(user, Tier.EARLY, kind="subscription")
    assert "alert__title" not in page(client_of)


def test_models_are_told_with_tokens_and_cost_where_there_are_any(
    client_of: Client, user: User
) -> None:
    tokens = {"requests": 2, "input_tokens": 12_345, "output_tokens": 678, "elapsed_ms": 9}
    add_to_day(user=user.pk, model="gpt-4o", told={**tokens, "cost_usd": "0.0376"}, at=NOW)
    unpriced = {**tokens, "unpriced_requests": 2}
    add_to_day(user=user.pk, model="own", told=unpriced, at=NOW - timedelta(days=14))
    add_to_day(user=user.pk, model="", told={"elapsed_ms": 9}, at=NOW)
    add_to_day(user=user.pk, model="of-may", told=tokens, at=NOW - timedelta(days=15))
    shown = page(client_of)
    row = '<th scope="row">gpt-4o</th><td>1</td><td>12,345</td><td>678</td><td>0.0376</td>'
    assert row in shown
    assert '<th scope="row">own</th><td>1</td><td>12,345</td><td>678</td><td>unknown</td>' in shown
    assert "Without 2 requests whose price is not known." in shown
    assert "of-may" not in shown


def test_without_a_language_model_nothing_is_said_of_models(client_of: Client) -> None:
    assert "Language models" not in page(client_of)


def test_the_plans_are_compared_from_the_rows(client_of: Client) -> None:
    services.change_limit(tier=Tier.MID, limit="runs_month", value=77_777, actor=None)
    shown = page(client_of)
    assert "77,777" in shown
    assert shown.count('aria-current="true"') == 1


def test_it_costs_few_round_trips(
    client_of: Client,
    user: User,
    give: MakeGrant,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    give(user, Tier.EARLY, kind="trial", days=14)
    catalogue()
    with django_assert_max_num_queries(10):
        page(client_of)
