"""For everybody: narrow windows, keyboards only, assistive technology, light and dark."""

from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, Literal

import pytest
from playwright.async_api import expect

from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_chat import QUESTION, first_rows

pytestmark = BROWSER_JOURNEY

PHONE: Any = {"width": 390, "height": 844}
# The package carries axe-core; its own Python has no types and adds nothing that is needed here.
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
SERIOUS = ("serious", "critical")


async def violations(tab: Tab) -> list[str]:
    """What axe-core finds serious or critical, each with the elements it is about."""
    await tab.page.evaluate(AXE)
    # Without `preload` it does not load imported stylesheets again, from addresses that are wrong.
    run = "axe.run({ resultTypes: ['violations'], preload: false })"
    found = (await tab.page.evaluate(run))["violations"]
    return [
        f"{tab.page.url} {each['id']}: {[node['html'][:150] for node in each['nodes']]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


async def test_a_phone_has_the_threads_in_a_drawer_and_the_composer_in_reach(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("pauling")
    tab = await visits.open(person.cookie(visits.servers), viewport=PHONE, has_touch=True)
    await tab.chat()
    await expect(tab.message).to_be_in_viewport(ratio=1)
    await expect(tab.button("New thread")).not_to_be_in_viewport()
    await tab.ask(f"{QUESTION}\n\n{first_rows(20)}")
    await tab.expect_end()

    await tab.button("Show all").click()
    await expect(tab.button("Show less")).to_have_attribute("aria-expanded", "true")
    await tab.answers.last.locator(".tool-card summary").click()
    width = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"], "the page scrolls sideways"
    await tab.button("Open the list").click()
    await expect(tab.button("New thread")).to_be_in_viewport(ratio=1)
    await expect(tab.threads).to_have_count(1)
    await tab.button("New thread").click()
    await expect(tab.button("New thread")).not_to_be_in_viewport()
    await expect(tab.answers).to_have_count(0)
    await tab.button("Open the list").click()
    await tab.threads.first.click()
    await expect(tab.answers).to_have_count(1)
    await expect(tab.button("Send")).to_be_in_viewport(ratio=1)


async def test_the_keyboard_is_enough(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("raman")
    tab = await visits.open()
    press = tab.page.keyboard.press
    await tab.go("/accounts/login/")
    await expect(tab.page.get_by_label("Email")).to_be_focused()
    await tab.page.keyboard.type(person.email)
    await press("Tab")
    await tab.page.keyboard.type(person.password)
    await press("Enter")
    await tab.expect_status("ready")

    await focus_by_tab(tab)
    await tab.page.keyboard.type("What is 1 + 1?")
    await press("Shift+Enter")
    await tab.page.keyboard.type("And what else?")
    await expect(tab.message).to_have_value("What is 1 + 1?\nAnd what else?")
    await press("Enter")
    await expect(tab.questions).to_have_count(1)
    await expect(tab.message).to_have_value("")
    await expect(tab.message).to_be_focused()
    await tab.expect_end()
    await tab.page.keyboard.type(f"{QUESTION} model,cost_usd")
    await expect(tab.button("Send")).to_be_enabled()


async def focus_by_tab(tab: Tab) -> None:
    """Come to the message field from the top of the page with the Tab key alone."""
    await tab.page.evaluate("document.activeElement.blur()")
    for _ in range(30):
        await tab.page.keyboard.press("Tab")
        if await tab.message.evaluate("(field) => field === document.activeElement"):
            return
    raise AssertionError("thirty steps did not lead to the message field")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.chaos)])
async def test_axe_finds_nothing_serious(
    scheme: Literal["light", "dark"],
    visits: Visits,
    newcomer: Callable[[str], Awaitable[Person]],
) -> None:
    person = await newcomer(f"salk-{scheme}")
    tab = await visits.open(color_scheme=scheme)
    found = []
    for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
        await tab.go(path)
        found += await violations(tab)
    tab = await visits.open(person.cookie(visits.servers), color_scheme=scheme)
    await tab.chat()
    found += await violations(tab)
    await tab.ask(f"{QUESTION}\n\n{first_rows(30)}")
    await tab.expect_text(100)
    found += await violations(tab)
    await tab.expect_end()
    await tab.answers.last.locator(".tool-card summary").click()
    await expect(tab.answers.last.locator(".tool-card__body")).to_be_visible()
    found += await violations(tab)
    assert found == []
