"""A person whose browser asks for German, from the first page to an answer; and right to left."""

from typing import Any, Final

from playwright.async_api import expect

from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person, Site
from tests.journeys.test_browser_access import violations

pytestmark = BROWSER_JOURNEY

# As wide as a phone: German words are longer.
PHONE: Final[Any] = {"width": 390, "height": 800}
PASSWORD: Final = "Another-horse-8-staple"
OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def fits(tab: Tab) -> bool:
    """Nothing reaches beyond the sides of the screen."""
    return bool(await tab.page.evaluate(OVERFLOW) <= 0)


async def test_from_the_first_page_to_an_answer_in_german(visits: Visits, site: Site) -> None:
    email = "lise@example.org"
    tab = await visits.open(viewport=PHONE, locale="de-AT")
    await tab.go("/")
    await expect(tab.page.locator("html")).to_have_attribute("lang", "de")
    assert await fits(tab)
    await tab.page.get_by_role("link", name="Konto erstellen").click()
    await tab.page.get_by_label("E-Mail").fill(email)
    await tab.page.get_by_label("Passwort").fill(PASSWORD)
    assert await fits(tab)
    await tab.button("Konto erstellen").click()
    code = site.mail.newest_to(email, about="code").code
    await tab.page.get_by_label("Code").fill(code)
    await tab.page.keyboard.press("Enter")

    await expect(tab.page.get_by_role("status", name="Verbindung")).to_have_text("bereit")
    assert await fits(tab)
    assert await violations(tab) == []
    await tab.page.get_by_role("button", name="Wohin geht unser Geld?").click()
    answer = tab.page.get_by_role("article", name="Assistent").last
    await expect(answer).to_have_attribute("aria-busy", "false")
    await expect(answer).to_contain_text("$10.68")
    await expect(answer.get_by_role("button", name="Antwort kopieren")).to_be_visible()
    await expect(tab.page.get_by_role("article", name="Du")).to_have_count(1)
    assert await fits(tab)
    for path in ("/plan/", "/accounts/profile/", "/accounts/2fa/", "/accounts/tokens/"):
        await tab.go(path)
        assert await fits(tab), path


async def test_right_to_left_the_page_stays_whole(visits: Visits, visitor: Person) -> None:
    tab = await visits.open(visitor.cookie(visits.servers), viewport=PHONE)
    await tab.chat()
    await tab.page.evaluate("document.documentElement.dir = 'rtl'")
    await tab.ask("What is 7% of 1,200?")
    await tab.expect_end()
    assert await fits(tab)
    assert await violations(tab) == []
    await tab.page.get_by_role("button", name="Open the list").click()
    await expect(tab.button("New thread")).to_be_in_viewport()
    assert await fits(tab)
