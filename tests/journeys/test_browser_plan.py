"""One's plan in a browser: found from the chat page, read by everybody, told as a trial ends."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

import pytest
from django.utils import timezone
from playwright.async_api import expect

from billing import services
from billing.entitlements import GrantKind
from billing.models import Grant
from billing.tiers import Tier
from chat.database import in_database
from chat.usage import add_to_day
from tests.journeys.browser import BROWSER_JOURNEY, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import PHONE, violations

pytestmark = BROWSER_JOURNEY
Newcomer = Callable[[str], Awaitable[Person]]


def spend(person: Person) -> None:
    """A trial that ends soon, a limit nearly used up, and a model that was paid for."""
    now = timezone.now()
    services.grant(
        user=person.user,
        kind="trial",
        tier=Tier.EARLY,
        starts_at=now - timedelta(days=11),
        ends_at=now + timedelta(days=2, hours=12),
        reason="for this journey",
        actor=None,
    )
    services.consume(user=person.user, feature="runs_month", amount=8_400, key=person.email)
    told = {"requests": 2, "input_tokens": 12_345, "output_tokens": 678, "elapsed_ms": 900}
    add_to_day(user=person.user.pk, model="gpt-4o", told={**told, "cost_usd": "0.0376"}, at=now)


def end_trial(person: Person) -> None:
    trial = Grant.objects.get(user=person.user, kind=GrantKind.TRIAL)
    services.revoke(grant=trial, reason="for this journey", actor=None)


async def test_the_plan_is_found_by_keyboard_and_its_trial_is_told_as_it_ends(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("curie")
    await in_database(spend, person)
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    line = tab.page.get_by_role("link", name="Early trial ends in 3 days")
    await expect(line).to_be_visible()

    await tab.page.locator("summary").filter(has_text=person.email).press("Enter")
    menu = tab.page.locator("#sidebar")
    await menu.get_by_role("link", name="My plan").press("Enter")
    await expect(tab.page.get_by_role("heading", name="My plan")).to_be_visible()
    await expect(tab.page.get_by_text("Your Early trial ends in 3 days")).to_be_visible()
    meter = tab.page.get_by_role("meter", name="Runs this month")
    await expect(meter).to_have_attribute("value", "8400")
    await expect(tab.page.get_by_role("row", name=re.compile("gpt-4o"))).to_contain_text("12,345")
    await expect(tab.page.get_by_role("columnheader", name="Your plan")).to_contain_text("Early")

    await in_database(end_trial, person)
    await tab.chat()
    await expect(tab.page.locator("#tier")).to_have_text("free")
    await expect(line).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.chaos)])
async def test_axe_finds_nothing_serious_and_a_phone_need_not_scroll_sideways(
    scheme: Literal["light", "dark"], visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer(f"hodgkin-{scheme}")
    await in_database(spend, person)
    tab = await visits.open(person.cookie(visits.servers), color_scheme=scheme)
    await tab.go("/plan/")
    found = await violations(tab)
    await tab.page.set_viewport_size(PHONE)
    found += await violations(tab)
    assert found == []
    width = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"], "the page scrolls sideways"
