"""What plans cost, in words and in rows."""

import pytest

from billing import seeds
from billing.models import Price
from billing.prices import FIRST_PRICES, amount_words, price_words
from billing.tiers import Tier


def test_amounts_are_written_as_people_do() -> None:
    assert amount_words(5_000, "usd") == "$50"
    assert amount_words(123_450, "eur") == "€1,234.50"
    assert amount_words(5, "chf") == "CHF 0.05"
    assert price_words(50_000, "gbp", "year") == "£500 a year"


@pytest.mark.django_db
def test_the_first_prices_are_those_of_the_price_list_and_sown_once() -> None:
    seeds.sow(using="default")
    rows = {(row.tier, row.words) for row in Price.objects.all()}
    assert rows == {(Tier.EARLY, "$50 a month"), (Tier.MID, "$100 a month")}
    assert Price.objects.count() == len(FIRST_PRICES)
    assert [row.monthly_amount for row in Price.objects.order_by("amount")] == [5_000, 10_000]
    assert Price(amount=50_000, interval="year", currency="usd").monthly_amount == 4_166
