"""Threads in a browser: named, sorted, found, shared, deleted, brought back; palette and keys."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from django.utils import timezone
from playwright.async_api import Locator, Route, expect

from chat.database import in_database
from chat.models import Message, Thread
from tests.journeys.browser import BROWSER_JOURNEY, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import violations
from tests.servers import wait_until

pytestmark = BROWSER_JOURNEY

NARROW: Any = {"width": 320, "height": 640}
NOT_FOUND = re.compile("404")
FIRST: Final = "What is 6 * 7?"
Newcomer = Callable[[str], Awaitable[Person]]


def row(tab: Tab, title: str) -> Locator:
    return tab.page.locator(".thread:not(.folder)").filter(has_text=title)


def section(tab: Tab, title: str) -> Locator:
    return tab.page.locator(".threads__section").filter(
        has=tab.page.get_by_role("heading", name=title)
    )


def field(tab: Tab) -> Locator:
    return tab.page.get_by_role("combobox", name="Search threads")


async def act(tab: Tab, title: str, *items: str) -> None:
    """Choose from the menu of a thread."""
    await row(tab, title).hover()
    await row(tab, title).get_by_role("button", name="Actions for").click()
    for item in items:
        await tab.page.get_by_role("menuitem", name=item, exact=True).click()


async def rename(tab: Tab, title: str, name: str) -> None:
    await act(tab, title, "Rename")
    await tab.page.keyboard.type(name)
    await tab.page.keyboard.press("Enter")


async def post(tab: Tab, *, thread_id: str, text: str) -> None:
    """Send a message by the API, as from another device."""
    token = await tab.page.evaluate(
        "JSON.parse(document.getElementById('netra-config').text).csrf_token"
    )
    answer = await tab.page.request.post(
        f"{tab.servers.base_url}/api/messages",
        data={"thread_id": thread_id, "text": text, "client_id": "elsewhere"},
        headers={"X-CSRFToken": token},
    )
    assert answer.status == HTTPStatus.CREATED


async def make_threads(person: Person, *titles: str) -> None:
    """Threads without messages, the first the newest, each a minute older than the one before."""
    now = timezone.now()
    made = [
        Thread(user=person.user, title=title, updated_at=now - timedelta(minutes=number))
        for number, title in enumerate(titles, start=1)
    ]
    await in_database(Thread.objects.bulk_create, made)


async def test_what_one_tab_does_with_threads_another_shows(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("aalto")
    await make_threads(person, "Chairs", "Lamps", "Vases")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    other = await visits.beside(tab)
    await other.chat()

    await rename(tab, "Chairs", "Stools")
    await expect(row(other, "Stools")).to_be_visible()
    await act(tab, "Lamps", "Pin")
    await expect(section(other, "Pinned")).to_contain_text("Lamps")
    await act(tab, "Vases", "Move to folder", "New folder…")
    await tab.page.get_by_label("Name").fill("Glass")
    await tab.page.keyboard.press("Enter")
    await tab.button("Glass").click()
    await expect(section(tab, "Glass")).to_contain_text("Vases")
    await other.button("Glass").click()
    await expect(section(other, "Glass")).to_contain_text("Vases")
    await act(tab, "Stools", "Archive")
    await expect(row(other, "Stools")).to_have_count(0)
    await tab.button("Archived").click()
    await act(tab, "Stools", "Unarchive")
    await expect(row(other, "Stools")).to_be_visible()
    await tab.button("Back to the list").click()

    await act(tab, "Stools", "Delete")
    await expect(row(other, "Stools")).to_have_count(0)
    await tab.button("Undo").last.click()
    await expect(row(other, "Stools")).to_be_visible()
    await act(tab, "Stools", "Delete")
    await other.button("Deleted").click()
    await other.button("Delete Stools for ever").click()
    await other.button("Delete for ever").click()
    await expect(other.page.get_by_text("Nothing was deleted lately.")).to_be_visible()
    # Gone for everybody before it is removed.
    kept = Thread.objects.filter(user=person.user).order_by("title")
    titles = kept.values_list("title", flat=True)
    await in_database(lambda: wait_until(lambda: list(titles.all()) == ["Lamps", "Vases"]))


async def test_a_change_is_pending_while_offline_and_taken_back_when_refused(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("breuer")
    await make_threads(person, *(f"Thread {number:03}" for number in range(120)))
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await tab.page.context.set_offline(True)
    await rename(tab, "Thread 001", "Cesca")
    await expect(row(tab, "Cesca")).to_contain_text("not saved yet")
    assert await in_database(Thread.objects.filter(title="Cesca").count) == 0
    await tab.page.context.set_offline(False)
    await expect(row(tab, "Cesca")).not_to_contain_text("not saved yet")
    assert await in_database(Thread.objects.filter(title="Cesca").count) == 1

    async def refuse(route: Route) -> None:
        await route.fulfill(status=HTTPStatus.CONFLICT, json={"detail": "Not this one."})

    await tab.page.route("**/api/threads/*", refuse)
    await rename(tab, "Cesca", "Wassily")
    await expect(tab.page.get_by_text("Not this one.")).to_be_visible()
    await expect(row(tab, "Cesca")).to_be_visible()
    tab.forgive(re.compile("409"))
    await tab.page.unroute("**/api/threads/*")
    await row(tab, "Thread 049").scroll_into_view_if_needed()
    await row(tab, "Thread 099").scroll_into_view_if_needed()
    await row(tab, "Thread 119").scroll_into_view_if_needed()
    await expect(tab.threads).to_have_count(120)


async def test_an_answer_is_unread_until_seen_and_found_and_shown_by_a_link(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("conran")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await tab.ask(FIRST)
    await tab.expect_end()
    thread = tab.thread_id
    await tab.button("New thread").click()
    await expect(tab.answers).to_have_count(0)
    await post(tab, thread_id=thread, text="What is 20 + 3?")
    await expect(tab.threads.first).to_contain_text("Unread:")
    await tab.threads.first.click()
    await expect(tab.answers).to_have_count(2)
    await tab.button("New thread").click()
    await expect(tab.threads.first).not_to_contain_text("Unread:")

    await field(tab).fill("nowhere")
    await expect(tab.page.get_by_role("status").filter(has_text="Nothing found")).to_be_attached()
    await field(tab).fill("what is 6")
    option = tab.page.get_by_role("option").filter(has_text="You")
    await expect(option).to_have_count(1)
    await expect(option.locator("mark").first).to_be_visible()
    results = tab.page.get_by_role("option")
    for _ in range(await results.count()):
        await tab.page.keyboard.press("ArrowDown")
        if await option.get_attribute("aria-selected") == "true":
            break
    await tab.page.keyboard.press("Enter")
    await expect(tab.questions.first).to_be_focused()
    question = Message.objects.filter(thread__public_id=thread, text=FIRST)
    message_id = (await in_database(question.get)).public_id
    assert tab.page.url.endswith(f"/chat/{thread}/#{message_id}")
    await tab.page.reload()
    await expect(tab.questions.first).to_be_focused()

    await tab.button("Actions for this thread").click()
    await tab.page.get_by_role("menuitem", name="Share").click()
    await tab.button("Make a link").click()
    link = await tab.page.get_by_label("Link").input_value()
    stranger = await visits.open()
    await stranger.page.goto(link)
    await expect(stranger.page.get_by_text("What is 20 + 3?")).to_be_visible()
    await tab.button("Take the link back").click()
    await expect(tab.page.get_by_text("Nobody but you can read this thread.")).to_be_visible()
    await stranger.page.reload()
    await expect(stranger.page.get_by_text("What is 20 + 3?")).to_have_count(0)
    for each in (tab, stranger):
        each.forgive(NOT_FOUND)


async def use_palette(tab: Tab) -> list[str]:
    """Rename, find, delete and restore the only thread by keys; gives what axe says of it."""
    press = tab.page.keyboard.press
    dialog = tab.page.get_by_role("dialog")
    # What can be done with a thread is known when the list is.
    await expect(row(tab, FIRST)).to_be_visible()

    await press("Control+K")
    await expect(dialog.get_by_role("combobox")).to_be_focused()
    found = await violations(tab)
    await tab.page.keyboard.type("rename")
    await press("Enter")
    await tab.page.keyboard.type("Bibendum")
    await press("Enter")
    await expect(row(tab, "Bibendum")).to_be_visible()
    await press("Control+Shift+O")
    await expect(tab.answers).to_have_count(0)
    await press("Control+K")
    await tab.page.keyboard.type("biben")
    await press("Enter")
    await expect(tab.answers).to_have_count(1)
    await press("Control+K")
    await tab.page.keyboard.type("delete this")
    await press("Enter")
    await expect(row(tab, "Bibendum")).to_have_count(0)
    await expect(tab.message).to_be_focused()
    await press("Control+Z")
    await expect(row(tab, "Bibendum")).to_be_visible()
    await expect(tab.answers).to_have_count(1)
    return found


async def test_the_palette_and_the_keys_do_what_the_help_says(
    visits: Visits, newcomer: Newcomer
) -> None:
    person = await newcomer("gray")
    tab = await visits.open(person.cookie(visits.servers))
    press = tab.page.keyboard.press
    await tab.chat()
    await tab.ask(FIRST)
    await tab.expect_end()

    await press("Alt+ArrowUp")
    await expect(tab.answers.last).to_be_focused()
    await press("Alt+ArrowUp")
    await expect(tab.questions.last).to_be_focused()
    await press("?")
    dialog = tab.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Previous message")
    found = await violations(tab)
    await press("Escape")
    await press("/")
    await expect(tab.message).to_be_focused()
    await press("Control+Shift+S")
    await expect(tab.button("New thread")).to_be_hidden()
    await tab.page.reload()
    await tab.expect_status("ready")
    await expect(tab.button("New thread")).to_be_hidden()
    await press("Control+Shift+S")
    found += await use_palette(tab)
    assert found == []


async def test_a_narrow_dark_phone_has_all_of_it(visits: Visits, newcomer: Newcomer) -> None:
    person = await newcomer("saarinen")
    await make_threads(person, "Tulip", "Womb")
    tab = await visits.open(
        person.cookie(visits.servers), viewport=NARROW, has_touch=True, color_scheme="dark"
    )
    await tab.chat()
    await tab.page.evaluate("document.documentElement.dir = 'rtl'")
    await tab.button("Open the list").click()
    more = row(tab, "Tulip").get_by_role("button")
    await expect(more).to_be_in_viewport(ratio=1)
    box = await more.bounding_box()
    assert box is not None
    assert round(min(box["width"], box["height"])) >= 40
    await more.tap()
    await expect(tab.page.get_by_role("menu")).to_be_in_viewport(ratio=1)
    found = await violations(tab)
    await tab.page.get_by_role("menuitem", name="Share").tap()
    await expect(tab.button("Make a link")).to_be_in_viewport(ratio=1)
    found += await violations(tab)
    await tab.page.keyboard.press("Escape")
    await field(tab).fill("tul")
    await expect(tab.page.get_by_role("option")).to_have_count(1)
    found += await violations(tab)
    width = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert (found, width) == ([], NARROW["width"])
    tab.forgive(NOT_FOUND)
