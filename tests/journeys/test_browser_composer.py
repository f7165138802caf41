"""The composer: drafts, history, the counter, commands, prompts, the queue, limits."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import expect

from chat.database import in_database
from chat.models import Prompt
from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import violations
from tests.journeys.test_browser_approvals import DEMONSTRATION, asked_for_approval
from tests.journeys.test_browser_outbox import texts_of

pytestmark = BROWSER_JOURNEY

NARROW: Any = {"width": 320, "height": 640}
FINGER_PX = 40
# Controls of the composer, its lists and dialogs that a finger would miss.
SMALL = """(finger) => [...document.querySelectorAll(
  ".dock button, .dialog button, .commands__row")].filter((each) => each.offsetParent &&
  each.getBoundingClientRect().height < finger - 0.5).map((each) => each.outerHTML)"""
Newcomer = Callable[[str], Awaitable[Person]]


async def expect_fit(tab: Tab) -> None:
    """Nobody is shut out: by axe, by a finger's size, by a narrow window."""
    assert await violations(tab) == []
    assert await tab.page.evaluate(SMALL, FINGER_PX) == []
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]


async def test_what_is_written_outlives_its_tab_and_no_window_takes_it_from_another(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("joule")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await tab.message.fill("half a thought")
    beside = await visits.beside(tab)
    await beside.chat()
    await expect(beside.message).to_have_value("")
    await beside.message.fill("another")
    await tab.page.close()
    await beside.page.reload()
    await expect(beside.message).to_have_value("another")
    back = await visits.beside(beside)
    await back.chat()
    await expect(back.message).to_have_value("half a thought")

    for count, text in enumerate(("What is 6 * 7?", "What is 2 + 3?"), 1):
        await back.ask(text)
        await expect(back.answers).to_have_count(count)
        await back.expect_end()
        # It stays in the field until it is kept.
        await expect(back.message).to_have_value("")
    press = back.page.keyboard.press
    await back.message.focus()
    await press("ArrowUp")
    await expect(back.message).to_have_value("What is 2 + 3?")
    await press("ArrowUp")
    await expect(back.message).to_have_value("What is 6 * 7?")
    await press("ArrowUp")
    await press("ArrowDown")
    await expect(back.message).to_have_value("What is 2 + 3?")
    await press("Escape")
    await expect(back.message).to_have_value("")

    counter = back.page.get_by_text(re.compile("of 10,000$"))
    await back.message.fill("é" * 7_999)
    await expect(counter).to_be_hidden()
    await back.message.fill("💶" * 8_000)
    await expect(counter).to_have_text("8,000 of 10,000")
    await back.message.fill("a word " * 1_500)
    await expect(back.page.get_by_text("500 characters too many")).to_be_visible()
    await expect(back.button("Send")).to_be_disabled()
    await back.button("Send it as a file").click()
    await expect(back.page.get_by_text("pasted.txt")).to_be_visible()
    await expect(back.message).to_have_value("")
    assert await texts_of(person) == ["What is 6 * 7?", "What is 2 + 3?"]


async def expect_name_taken(tab: Tab, name: str) -> None:
    """In the open library: no second prompt of a name."""
    dialog = tab.page.get_by_role("dialog")
    await tab.button("New prompt").click()
    await dialog.get_by_label("Name").fill(name)
    await dialog.get_by_label("Text").fill("x")
    await tab.button("Keep prompt").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("You have a prompt of this name")
    await expect(tab.button("Keep prompt")).to_be_focused()
    tab.forgive(re.compile("409"))


async def close_and_type(tab: Tab, text: str) -> None:
    """Type in the very moment in which the open dialog closes, as no test by keys is sure to."""
    await tab.page.evaluate(
        "(text) => { document.querySelector('dialog').requestClose();"
        " document.execCommand('insertText', false, text); }",
        text,
    )


async def test_a_slash_offers_commands_and_prompts_which_are_filled_and_never_sent(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("kepler")
    tab = await visits.open(person.cookie(visits.servers), viewport=NARROW, has_touch=True)
    await tab.chat()
    press, dialog = tab.page.keyboard.press, tab.page.get_by_role("dialog")
    options = tab.page.get_by_role("option")

    await tab.button("Commands and prompts").click()
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await expect_fit(tab)
    await press("Escape")
    await expect(options).to_have_count(0)
    await expect(tab.message).to_have_value("/")
    await tab.page.keyboard.type("prom")
    await expect(options).to_have_count(1)
    await press("Tab")
    await tab.button("Keep percent").click()
    await expect_fit(tab)
    await tab.button("Keep prompt").click()
    await expect_name_taken(tab, "Percent")
    await press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(tab.message).to_be_focused()

    await tab.page.keyboard.type("/per")
    await expect(options).to_have_count(1)
    await press("Enter")
    await dialog.get_by_role("textbox", name="percent").fill("10")
    await dialog.get_by_role("textbox", name="amount").fill("250")
    await press("Enter")
    await expect(tab.message).to_have_value("What is 10% of 250?")
    assert await texts_of(person) == []
    await press("Enter")
    await expect(tab.answers).to_contain_text("25")

    await tab.message.fill("/new")
    await press("Enter")
    await expect(tab.answers).to_have_count(0)
    await tab.message.fill("/help")
    await press("Enter")
    await expect(dialog).to_contain_text("/prompts")
    await close_and_type(tab, "/etc/hosts")
    await expect(tab.message).to_have_value("/etc/hosts")
    await expect(options).to_have_count(0)
    assert await in_database(Prompt.objects.filter(user=person.user).count) == 1


async def test_what_waits_is_told_apart_taken_back_and_shown_once(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("laplace")
    tab = await asked_for_approval(visits, person)
    for text in ("What is 1 + 1?", "What is 2 + 2?"):
        await tab.ask(text)
    await expect(tab.page.get_by_text("2 messages wait")).to_be_visible()
    await tab.button("Show").click()
    await expect(tab.questions.nth(1)).to_be_focused()

    await tab.page.context.set_offline(True)
    await tab.page.evaluate("dispatchEvent(new Event('offline'))")
    await tab.expect_status("offline")
    for text in ("What is 3 + 3?", "What is 4 + 4?"):
        await tab.ask(text)
    await expect(tab.page.get_by_text("2 messages are not stored yet")).to_be_visible()
    await expect(tab.questions.nth(4)).to_contain_text("pending")
    await tab.questions.nth(4).get_by_role("button", name="Edit", exact=True).click()
    await expect(tab.message).to_have_value("What is 4 + 4?")
    await tab.questions.nth(3).get_by_role("button", name="Remove").click()
    await expect(tab.questions).to_have_count(3)
    await tab.message.fill("What is 5 + 5?")
    await tab.page.keyboard.press("Enter")
    await expect(tab.questions).to_have_count(4)

    await tab.page.context.set_offline(False)
    await tab.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(tab.questions.nth(3)).to_contain_text("Waiting (3rd)")
    await tab.page.reload()
    await expect(tab.questions).to_have_count(4)
    await tab.message.fill("/stop")
    await tab.page.keyboard.press("Enter")
    await expect(tab.answers.last).to_contain_text("10")
    await tab.expect_end()
    assert await texts_of(person) == [
        *(DEMONSTRATION, "What is 1 + 1?", "What is 2 + 2?", "What is 5 + 5?"),
    ]
    await expect(tab.page.get_by_text("message waits")).to_be_hidden()


async def test_a_limit_is_said_with_its_end_and_what_lifts_it(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("maxwell")
    tab = await visits.open(person.cookie(visits.servers))
    runs = {"limit": "runs_month", "allowed": 1_000, "resets_at": "2099-12-01T00:00:00.000Z"}
    used = iter((812, 812, 1_000))

    async def tell(route: Any) -> None:
        await route.fulfill(json={"usage": [{**runs, "used": next(used)}]})

    await tab.page.route("**/api/usage", tell)
    await tab.chat()
    warning = tab.page.get_by_text("812 of the 1,000 runs of this month are used")
    await expect(warning).to_contain_text("Dec 1, 2099")
    await tab.message.fill("kept")
    await tab.button("Dismiss").click()
    await expect(warning).to_be_hidden()
    await tab.page.reload()
    await tab.expect_status("ready")
    await expect(warning).to_be_hidden()
    await tab.page.reload()
    await expect(tab.page.get_by_text("All 1,000 runs of this month are used")).to_be_visible()
    await expect(tab.page.locator("#limit").get_by_role("link")).to_have_attribute("href", "/plan/")
    await expect(tab.button("Dismiss")).to_be_hidden()
    await expect(tab.message).to_have_value("kept")
    assert await violations(tab) == []
