"""A plan is paid for in a browser: over the provider's pages, and told on those that are open."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

import pytest
import requests
from playwright.async_api import expect
from pytest_django import DjangoDbBlocker

from billing.models import Price
from chat.database import in_database
from tests.fakes.mail_server import mail_server
from tests.fakes.stripe_server import KEY, SECRET, Stripe, stripe_server
from tests.journeys.browser import BROWSER_JOURNEY, Visits
from tests.journeys.conftest import Person, Site, servers_of_a_module
from tests.journeys.test_browser_access import PHONE, violations

# Its pages without a browser are among billing's tests; the shop needs servers of its own.
pytestmark = [*BROWSER_JOURNEY, pytest.mark.chaos]


@pytest.fixture(scope="module")
def stripe() -> Iterator[Stripe]:
    with stripe_server() as running:
        yield running


@pytest.fixture(scope="module")
def site(
    stripe: Stripe, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Site]:
    """As the others' site, with payments."""
    variables = {
        "NETRA_STRIPE_KEY": KEY,
        "NETRA_STRIPE_WEBHOOK_SECRET": SECRET,
        "NETRA_STRIPE_BASE_URL": stripe.base_url,
    }
    with mail_server() as mail, servers_of_a_module(django_db_blocker, **variables) as servers:
        yield Site(servers, mail)


def sell(stripe: Stripe) -> None:
    for price in Price.objects.all():
        price.provider_id = stripe.make_price(price.amount)
        price.save()


def deliver_last(stripe: Stripe, base_url: str) -> int:
    body = stripe.body(stripe.events[-1])
    headers = {"Stripe-Signature": stripe.signature(body)}
    answer = requests.post(f"{base_url}/webhooks/stripe", body, headers=headers, timeout=10)
    return answer.status_code


async def test_a_plan_is_paid_and_open_pages_are_told_of_it_and_of_its_end(
    visits: Visits, stripe: Stripe, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    await in_database(sell, stripe)
    person = await newcomer("noether")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    beside = await visits.beside(tab)
    await beside.page.goto(f"{visits.servers.base_url}/plan/")
    await beside.button("Early: $50 a month").click()
    await beside.button("Pay").click()
    await expect(beside.page.get_by_role("heading", name="Thank you")).to_be_visible()
    await expect(tab.page.locator("#tier")).to_have_text("early")

    await beside.page.get_by_role("link", name="My plan").click()
    await expect(beside.page.get_by_text("You pay $50 a month")).to_be_visible()
    await beside.button("Invoices, card and changes").click()
    await expect(beside.page.get_by_role("heading", name="Invoices")).to_be_visible()

    subscription = next(name for name in stripe.things if name.startswith("sub_"))
    stripe.set_status(subscription, "canceled")
    assert await in_database(deliver_last, stripe, visits.servers.base_url) == 200
    await expect(tab.page.locator("#tier")).to_have_text("free")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_of_the_payments_hurts_assistive_technology(
    visits: Visits,
    stripe: Stripe,
    newcomer: Callable[[str], Awaitable[Person]],
    scheme: Literal["light", "dark"],
) -> None:
    await in_database(sell, stripe)
    person = await newcomer("curie")
    tab = await visits.open(person.cookie(visits.servers), viewport=PHONE, color_scheme=scheme)
    for path in ("/plan/", "/plan/paid/"):
        await tab.page.goto(f"{visits.servers.base_url}{path}")
        assert await violations(tab) == []
        width = await tab.page.evaluate("document.documentElement.scrollWidth")
        assert width == PHONE["width"], "the page scrolls sideways"
