import csv
from collections import defaultdict
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from billing.models import Price, TierLimit, TrialPolicy
from billing.selectors import forget_catalogue
from chat.agents.answers.plain_answers import WHAT_I_AM
from chat.agents.answers.text import money
from chat.landing import SAMPLE

pytestmark = pytest.mark.django_db


def landing() -> str:
    response = Client().get("/")
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def test_strangers_are_told_what_this_is_and_how_to_come_in() -> None:
    page = landing()
    assert page.count("<h1>") == 1
    assert page.count("button--primary landing__start") == 1
    assert 'href="/accounts/signup/"' in page
    assert 'href="/accounts/login/"' in page
    assert 'property="og:image" content="http://testserver/static/netra/icons/social.png"' in page
    assert "<script>" not in page
    assert "style=" not in page
    # The assistant says the same of itself.
    assert WHAT_I_AM.partition("I'm not")[2] in page


def test_whoever_is_signed_in_goes_on_to_the_chat(user: User) -> None:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    assert client.get("/").headers["Location"] == "/chat/"


def test_plans_and_trial_are_those_that_the_operator_set() -> None:
    TierLimit.objects.filter(tier="free", limit="runs_month").update(value=777)
    Price.objects.filter(tier="early").update(amount=4_950)
    TrialPolicy.objects.update(days=9)
    forget_catalogue()
    page = landing()
    assert "777 runs a month" in page
    assert "$49.50 a month" in page
    assert "trial of up to 9 days" in page
    TrialPolicy.objects.update(valid_until=timezone.now())
    assert "trial" not in landing().split("<main")[1]


def test_the_page_asks_the_database_little(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    landing()
    with django_assert_max_num_queries(3):
        landing()


def test_the_numbers_of_the_sample_are_true() -> None:
    path = finders.find("chat/sample-usage.csv")
    assert isinstance(path, str)
    spend: dict[str, Decimal] = defaultdict(Decimal)
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        spend[row["model"]] += Decimal(row["cost_usd"])
    total = sum(spend.values(), Decimal())
    assert len(rows) == SAMPLE.requests
    assert money(total) == SAMPLE.spend
    told = [(row.name, row.spend, row.share) for row in SAMPLE.rows]
    assert told == [
        (name, money(cost), f"{cost / total * 100:.1f}")
        for name, cost in sorted(spend.items(), key=lambda each: -each[1])
    ]


@pytest.mark.parametrize("path", ["/guide/", "/api/openapi.json"])
def test_the_pages_that_it_leads_to_are_there_for_strangers(path: str) -> None:
    assert Client().get(path).status_code == HTTPStatus.OK
