"""The pages of payments: what people and operators see, and where their buttons lead."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from billing.models import Customer, Price, Subscription, WebhookEvent
from billing.selectors import entitlements_of
from billing.tiers import Tier
from netra.env import Secret
from tests.billing.payments import Shop
from tests.fakes.stripe_server import KEY

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def visitor(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, path: str = "/plan/") -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_without_a_key_the_buttons_say_so(visitor: Client, settings: Settings) -> None:
    settings.STRIPE_KEY = Secret("")
    shown = page(visitor)
    assert "Payments are not configured; please ask the operator for a plan." in shown
    assert shown.count('disabled aria-describedby="unsold"') == 2
    early = Price.objects.get(tier=Tier.EARLY).pk
    for path, form in (("/plan/checkout/", {"price": early}), ("/plan/portal/", {})):
        visitor.post(path, form)
    assert page(visitor).count('<div class="alert__body"') == 2


def test_a_price_that_the_provider_does_not_know_is_shown_and_not_sold(
    visitor: Client, shop: Shop
) -> None:
    Price.objects.filter(tier=Tier.MID).update(provider_id="")
    shown = page(visitor)
    assert shown.count('disabled aria-describedby="unsold"') == 1
    assert "Not every plan is sold here yet" in shown
    answer = visitor.post("/plan/checkout/", {"price": shop.prices[Tier.MID].pk}, follow=True)
    assert "This plan is not sold at this price now." in answer.content.decode()


def test_a_button_leads_to_the_payment_page_and_back_to_thanks(
    visitor: Client, user: User, shop: Shop
) -> None:
    answer = visitor.post("/plan/checkout/", {"price": shop.prices[Tier.EARLY].pk})
    assert answer.status_code == 303
    assert answer["Location"].startswith(f"{shop.stripe.base_url}/pay/cs_")
    assert "Your payment is on its way" in page(visitor, "/plan/paid/")
    name = answer["Location"].rpartition("/")[2]
    assert shop.stripe.things[name]["success_url"] == "http://testserver/plan/paid/"
    shop.stripe.pay(name)
    assert "Thank you" in page(visitor, "/plan/paid/")
    assert entitlements_of(user).tier is Tier.EARLY


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("active", "You pay $50 a month; the next payment is on 15 July 2026."),
        ("past_due", "Without another card the plan ends on 22 June 2026."),
        ("unpaid", "Your payments failed, and the plan has ended."),
        ("incomplete", "Your first payment is not complete yet."),
        ("paused", "Your subscription is paused."),
        ("canceled", "Nothing is paid for this account."),
    ],
)
def test_the_page_says_how_the_payment_stands(
    visitor: Client, user: User, shop: Shop, status: str, words: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        subscription = shop.buy(user, Tier.EARLY)
        shop.stripe.set_status(subscription, status)
        shop.deliver()
        visitor.force_login(user)
        shown = page(visitor)
    assert words in shown
    assert ("alert--danger" in shown) is (status in ("past_due", "unpaid", "incomplete"))
    assert "Invoices, card and changes" in shown


def test_whoever_pays_is_led_to_the_portal_instead_of_paying_twice(
    visitor: Client, user: User, shop: Shop
) -> None:
    shop.buy(user, Tier.EARLY)
    for path in ("/plan/checkout/", "/plan/portal/"):
        answer = visitor.post(path, {"price": shop.prices[Tier.MID].pk})
        assert answer.status_code == 303
        assert answer["Location"].startswith(f"{shop.stripe.base_url}/portal/cus_")


def test_a_provider_that_is_away_is_told_and_nothing_breaks(
    visitor: Client, user: User, shop: Shop
) -> None:
    shop.stripe.broken["/v1/customers"] = [500, 500]
    answer = visitor.post("/plan/checkout/", {"price": shop.prices[Tier.EARLY].pk}, follow=True)
    assert "The payment page is out of reach." in answer.content.decode()
    shop.buy(user, Tier.EARLY)
    shop.stripe.broken["/v1/subscriptions"] = [500, 500]
    assert "Your payment is on its way" in page(visitor, "/plan/paid/")


def test_only_posts_of_whoever_is_signed_in_lead_anywhere(client: Client, visitor: Client) -> None:
    for path in ("/plan/checkout/", "/plan/portal/"):
        assert visitor.get(path).status_code == 405
        assert client.post(path)["Location"].startswith("/accounts/login/")
    assert client.get("/plan/paid/").status_code == 302
    for price in ("", "x", "-1", "0", "9" * 30, "²"):
        assert visitor.post("/plan/checkout/", {"price": price}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = visitor.cookies
    assert strict.post("/plan/checkout/", {"price": 1}).status_code == 403


def test_the_key_is_shown_nowhere(
    visitor: Client, operator: Client, user: User, shop: Shop
) -> None:
    shop.buy(user, Tier.EARLY)
    shop.deliver()
    paths = ("price", "customer", "subscription", "webhookevent")
    pages = [page(operator, f"/admin/billing/{path}/") for path in paths]
    assert not any(KEY in shown for shown in [page(visitor), *pages])


def test_the_plan_of_a_customer_costs_few_round_trips(
    visitor: Client,
    user: User,
    shop: Shop,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    shop.buy(user, Tier.EARLY)
    shop.deliver()
    page(visitor)
    with django_assert_max_num_queries(13):
        page(visitor)


def test_an_operator_sets_a_price_and_is_told_what_the_provider_sells(
    operator: Client, shop: Shop
) -> None:
    name = shop.stripe.make_price(59_00)
    form = {"tier": "early", "interval": "month", "amount": 60_00, "currency": "usd"}
    refused = operator.post("/admin/billing/price/add/", {**form, "provider_id": name})
    assert "The payment provider has no such price of this amount." in refused.content.decode()
    assert 'value="6000"' in refused.content.decode()
    operator.post("/admin/billing/price/add/", {**form, "amount": 59_00, "provider_id": name})
    versions = Price.objects.filter(tier="early").order_by("valid_from")
    assert [version.words for version in versions] == ["$50 a month", "$59 a month"]
    assert versions[0].valid_until == versions[1].valid_from
    yearly = shop.stripe.make_price(500_00, interval="year")
    operator.post(
        "/admin/billing/price/add/",
        {**form, "interval": "year", "amount": 500_00, "provider_id": yearly},
    )
    assert "$59 a month or $500 a year" in page(operator)


def test_the_provider_s_price_is_filled_in_where_it_lacked(operator: Client, shop: Shop) -> None:
    Price.objects.filter(tier=Tier.MID).update(provider_id="")
    name = shop.stripe.make_price(100_00)
    form = {"tier": "mid", "interval": "month", "amount": 100_00, "currency": "usd"}
    operator.post("/admin/billing/price/add/", {**form, "provider_id": name})
    assert Price.objects.get(tier=Tier.MID).provider_id == name


def test_an_operator_tries_news_again_and_asks_how_a_customer_stands(
    operator: Client, user: User, shop: Shop
) -> None:
    subscription = shop.buy(user, Tier.EARLY)
    shop.stripe.change_price(subscription, shop.stripe.make_price(77_00))
    shop.deliver(shop.stripe.events[-1:])
    event = WebhookEvent.objects.get()
    WebhookEvent.objects.update(state="failed")
    retry = {"action": "retry", "_selected_action": [event.pk]}
    answer = operator.post("/admin/billing/webhookevent/", retry, follow=True)
    assert "no price row for price_" in answer.content.decode()
    shop.stripe.change_price(subscription, shop.prices[Tier.MID].provider_id)
    WebhookEvent.objects.update(state="failed")
    answer = operator.post("/admin/billing/webhookevent/", retry, follow=True)
    assert f"{event.provider_id} is done." in answer.content.decode()
    assert entitlements_of(user).tier is Tier.MID
    shop.stripe.set_status(subscription, "canceled")
    read = {"action": "read", "_selected_action": [Customer.objects.get().pk]}
    operator.post("/admin/billing/customer/", read)
    assert entitlements_of(user).tier is Tier.FREE
    assert Subscription.objects.get().status == "canceled"
    assert "canceled" in page(operator, "/admin/billing/subscription/")


def test_nobody_retries_without_the_right(shop: Shop, user: User) -> None:
    support = User.objects.create_user("support@example.com", is_staff=True)
    client = Client()
    client.force_login(support)
    for path in ("webhookevent", "customer", "subscription", "price"):
        assert client.get(f"/admin/billing/{path}/").status_code == 403
