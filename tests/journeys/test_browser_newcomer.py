"""From the first page to the first answer, and how the chat is made one's own."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import expect

from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person, Site
from tests.journeys.test_browser_access import violations

pytestmark = BROWSER_JOURNEY

PHONE: Any = {"width": 320, "height": 640}
PASSWORD = "Another-horse-8-staple"
# A window that is covered by others; Chromium without a window has none that is hidden.
HIDE = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
# What the system is asked to show, by whichever tab, is kept instead of shown.
SYSTEM = """
globalThis.Notification = class {
  static get permission() { return localStorage.permission ?? "default"; }
  static async requestPermission() { return (localStorage.permission = "granted"); }
  constructor(title, { body }) {
    const shown = JSON.parse(localStorage.shown ?? "[]");
    localStorage.shown = JSON.stringify([...shown, `${title}: ${body}`]);
  }
};
"""


async def test_a_newcomer_has_a_first_answer_with_three_clicks_and_a_code(
    visits: Visits, site: Site
) -> None:
    email = "hypatia@example.org"
    tab = await visits.open(viewport=PHONE)
    await tab.go("/")
    assert await violations(tab) == []
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await tab.page.get_by_role("link", name="Create an account").click()
    await expect(tab.page.get_by_label("Email")).to_be_focused()
    await tab.page.keyboard.type(email)
    await tab.page.keyboard.press("Tab")
    await tab.page.keyboard.type(PASSWORD)
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.get_by_label("Code")).to_be_focused()
    await tab.page.keyboard.type(site.mail.newest_to(email, about="code").code)
    await tab.page.keyboard.press("Enter")

    await tab.expect_status("ready")
    example = tab.page.get_by_role("button", name="Where does our money go?")
    await expect(example).to_be_in_viewport()
    assert await violations(tab) == []
    await example.dblclick()
    await tab.expect_end()
    await expect(tab.questions).to_have_count(1)
    await expect(tab.answers.last).to_contain_text("$10.68")


async def test_every_example_is_answered_by_the_built_in_assistant(
    visits: Visits, visitor: Person
) -> None:
    tab = await visits.open(visitor.cookie(visits.servers))
    await tab.chat()
    for name, told in {
        "Which model is slow?": "claude-sonnet-4-5 is the slowest",
        "Compare prices": "$45.00",
        "Calculate": "2308.8",
        "How it works": "another one goes on",
    }.items():
        await tab.page.get_by_role("button", name=name).click()
        await tab.expect_end()
        await expect(tab.answers.last).to_contain_text(told)
        await tab.button("New thread").click()
    await tab.button("Add the sample data").click()
    await expect(tab.page.get_by_role("list", name="Attachments")).to_contain_text("sample-usage")
    await expect(tab.answers).to_have_count(0)


async def open_settings(tab: Tab) -> None:
    await tab.page.locator("summary.account").click()
    await tab.button("Settings").click()


async def choose(tab: Tab, setting: str, choice: str) -> None:
    group = tab.page.get_by_role("group", name=setting)
    await group.get_by_role("radio", name=choice, exact=True).check()


async def test_settings_take_effect_at_once_in_every_tab_and_are_kept(
    visits: Visits, visitor: Person
) -> None:
    tab = await visits.open(visitor.cookie(visits.servers))
    await tab.chat()
    beside = await visits.beside(tab)
    await beside.chat()
    root = tab.page.locator("html")

    await open_settings(tab)
    assert await violations(tab) == []
    for setting, choice in {"Theme": "Dark", "Text": "Large", "Enter": "Makes a new line"}.items():
        await choose(tab, setting, choice)
    for page in (tab.page, beside.page):
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await expect(page.locator("html")).to_have_attribute("data-size", "large")
    await tab.page.keyboard.press("Escape")
    await tab.message.fill("What is 2 + 2?")
    await tab.page.keyboard.press("Enter")
    await expect(tab.message).to_have_value("What is 2 + 2?\n")
    await tab.page.keyboard.press("Control+Enter")
    await tab.expect_end()

    await tab.page.reload()
    await expect(root).to_have_attribute("data-size", "large")
    await open_settings(tab)
    await tab.button("Reset all").click()
    await expect(tab.page.get_by_role("radio", name="As the system")).to_be_checked()
    await expect(root).not_to_have_attribute("data-theme", re.compile(".*"))


async def test_what_happens_while_nobody_looks_is_told_once_it_was_asked_for(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("noether")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.page.context.add_init_script(SYSTEM)
    await tab.chat()
    await open_settings(tab)
    await choose(tab, "Notifications", "On")
    await expect(tab.page.get_by_role("radio", name="On", exact=True)).to_be_checked()
    await tab.page.keyboard.press("Escape")
    await tab.ask("What is 1 + 1?")
    await tab.expect_end()
    # Two windows, of which none is looked at: one of them tells.
    beside = await visits.beside(tab)
    await beside.chat(f"/chat/{tab.thread_id}/")
    await expect(beside.answers).to_have_count(1)
    for each in (tab, beside):
        await each.page.evaluate(HIDE, "hidden")
    await tab.ask("/demo")
    await tab.button("Deny").click()
    await tab.expect_end()
    await expect(tab.page).to_have_title(re.compile(r"^\(1\) "))
    shown = json.loads(await tab.page.evaluate("localStorage.shown"))
    assert shown == ["What is 1 + 1?: It asks whether it may use Send report."]
    await tab.page.evaluate(HIDE, "visible")
    await expect(tab.page).to_have_title(re.compile(r"^[^(]"))
