"""Other versions: questions edited, answers made again, messages that wait changed or overtaken."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest
from playwright.async_api import Locator, expect

from tests.journeys.browser import BROWSER_JOURNEY, NO_SERVER, Between, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import PHONE, violations
from tests.journeys.test_browser_approvals import DEMONSTRATION, asked_for_approval
from tests.journeys.test_browser_outbox import texts_of
from tests.journeys.test_browser_threads import field

pytestmark = BROWSER_JOURNEY

FIRST, SECOND, OTHER = "What is 6 * 7?", "What is 2 + 3?", "What is 6 * 8?"


async def talked(visits: Visits, person: Person, *texts: str, **options: Any) -> Tab:
    """A tab in which these questions were asked and answered, one after the other."""
    tab = await visits.open(person.cookie(visits.servers), **options)
    await tab.chat()
    for count, text in enumerate(texts, start=1):
        await tab.ask(text)
        await expect(tab.answers).to_have_count(count)
        await tab.expect_end()
    return tab


def editor(tab: Tab) -> Locator:
    return tab.page.get_by_role("textbox", name="Edit your message")


async def edit(tab: Tab, index: int, text: str) -> None:
    """Open the editor of a question and write this in its place."""
    question = tab.questions.nth(index)
    await question.hover()
    await question.get_by_role("button", name="Edit question").click()
    await expect(editor(tab)).to_be_focused()
    await editor(tab).fill(text)


async def mark(message: Locator) -> None:
    """Leave a mark on the element, by which it is known again."""
    await message.evaluate("(node) => node.setAttribute('data-marked', 'true')")


async def expect_marked(message: Locator) -> None:
    await expect(message).to_have_attribute("data-marked", "true")


def place(message: Locator) -> Locator:
    """Which of its versions a message is."""
    return message.get_by_role("group", name=re.compile("Versions"))


async def expect_talk(tab: Tab, *turns: tuple[str, str]) -> None:
    """The page shows exactly these questions, each with an answer that contains this."""
    await expect(tab.questions).to_have_count(len(turns))
    await expect(tab.answers).to_have_count(len(turns))
    for index, (question, answer) in enumerate(turns):
        await expect(tab.questions.nth(index)).to_contain_text(question)
        await expect(tab.answers.nth(index)).to_contain_text(answer)
    await tab.expect_end()


async def test_an_edited_question_begins_a_branch_and_both_stay_and_are_found(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("lovelace")
    tab = await talked(visits, person, FIRST, SECOND)
    other = await visits.beside(tab)
    await other.chat(f"/chat/{tab.thread_id}/")
    await edit(tab, 0, OTHER)
    await tab.button("Send as a new version").click()

    for each in (tab, other):
        await expect_talk(each, (OTHER, "48"))
        await expect(place(each.questions.first)).to_contain_text("2 / 2")
    await tab.button("Previous version of this question").press("Enter")
    for each in (tab, other):
        await expect_talk(each, (FIRST, "42"), (SECOND, "5"))
        await expect(place(each.questions.first)).to_contain_text("1 / 2")
    await expect(tab.button("Previous version of this question")).to_be_focused()
    await tab.page.reload()
    await expect_talk(tab, (FIRST, "42"), (SECOND, "5"))
    await tab.button("Next version of this question").click()
    await expect_talk(tab, (OTHER, "48"))
    await tab.ask(SECOND)
    await expect_talk(other, (OTHER, "48"), (SECOND, "5"))

    await field(tab).fill("what is 6 * 7")
    hit = tab.page.get_by_role("option").filter(has_text="You").filter(has_text=FIRST)
    await hit.click()
    await expect(tab.page.get_by_text("in another version of the thread")).to_be_visible()
    for each in (tab, other):
        await expect_talk(each, (FIRST, "42"), (SECOND, "5"))
    await expect(tab.questions.first).to_be_focused()


async def test_an_earlier_answer_is_made_again_and_the_first_one_stays(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("neumann")
    tab = await talked(visits, person, FIRST, SECOND)
    first = tab.answers.first
    await mark(tab.questions.first)
    await first.hover()
    await first.get_by_role("button", name="Answer again").click()
    await expect(place(tab.answers.first)).to_contain_text("2 / 2")
    await expect_talk(tab, (FIRST, "42"))

    await tab.button("Previous version of this answer").click()
    await expect_talk(tab, (FIRST, "42"), (SECOND, "5"))
    await expect(place(tab.answers.first)).to_contain_text("1 / 2")
    await expect_marked(tab.questions.first)
    await tab.page.reload()
    await expect_talk(tab, (FIRST, "42"), (SECOND, "5"))
    await tab.button("Next version of this answer").click()
    await expect_talk(tab, (FIRST, "42"))
    assert await texts_of(person) == [FIRST, SECOND]


async def test_a_message_that_waits_is_changed_where_it_stands(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("shannon")
    tab = await asked_for_approval(visits, person)
    await tab.ask(FIRST)
    await expect(tab.questions.nth(1)).to_contain_text("Waiting (next)")
    other = await visits.beside(tab)
    await other.chat(f"/chat/{tab.thread_id}/")
    await edit(tab, 1, OTHER)
    await tab.page.keyboard.press("Escape")
    await expect(tab.questions.nth(1)).to_contain_text(FIRST)
    await expect(tab.questions.nth(1).get_by_role("button", name="Edit question")).to_be_focused()

    await edit(tab, 1, OTHER)
    await tab.button("Save").click()
    for each in (tab, other):
        await expect(each.questions.nth(1)).to_contain_text(OTHER)
    await tab.button("Stop").click()
    await expect(tab.answers.last).to_contain_text("48")
    await expect(place(tab.questions.nth(1))).to_be_hidden()
    assert await texts_of(person) == [DEMONSTRATION, OTHER]


async def test_an_interrupting_message_overtakes_one_that_waits(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("hamilton")
    tab = await asked_for_approval(visits, person)
    await tab.ask(FIRST)
    await expect(tab.questions.nth(1)).to_contain_text("Waiting (next)")
    await mark(tab.questions.nth(1))
    await tab.message.fill(SECOND)
    await expect(tab.page.locator("#composer").get_by_text("Send now")).to_be_visible()
    await tab.page.keyboard.press("Control+Shift+Enter")

    await expect(tab.questions.nth(1)).to_contain_text(SECOND)
    await expect(tab.questions.nth(2)).to_contain_text(FIRST)
    await expect_marked(tab.questions.nth(2))
    await expect_talk(tab, (DEMONSTRATION, "Stopped"), (SECOND, "5"), (FIRST, "42"))
    await tab.page.reload()
    await expect_talk(tab, (DEMONSTRATION, "Stopped"), (SECOND, "5"), (FIRST, "42"))


@pytest.mark.chaos
async def test_an_edit_without_a_server_is_kept_and_goes_out_once(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("liskov")
    tab = await talked(visits, person, FIRST)
    visits.servers.kill("web")
    await edit(tab, 0, OTHER)
    await tab.page.keyboard.press("Control+Enter")
    await expect(tab.page.get_by_text("It is kept here until the server has it")).to_be_visible()
    await expect(editor(tab)).to_have_value(OTHER)
    await tab.expect_status("offline")
    visits.servers.start_web()

    await expect_talk(tab, (OTHER, "48"))
    await expect(place(tab.questions.first)).to_contain_text("2 / 2")
    await expect(editor(tab)).to_have_count(0)
    await tab.button("Previous version of this question").click()
    await expect_talk(tab, (FIRST, "42"))
    await expect(editor(tab)).to_have_count(0)
    assert await texts_of(person) == [FIRST, OTHER]
    tab.forgive(NO_SERVER)


async def test_a_refused_edit_says_why_and_keeps_its_text(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("naur")
    words = "You have used all 1,000 runs of this month."
    tab = await talked(visits, person, FIRST)

    def refuse(frame: dict[str, Any]) -> list[dict[str, Any]] | None:
        if frame["type"] != "edit":
            return None
        refusal = {"code": "limit_reached", "message": words, "retryable": True}
        return [{"type": "error", "client_id": frame["client_id"], **refusal}]

    await Between(refuse).join(tab)
    await tab.page.reload()
    await tab.expect_status("ready")
    await edit(tab, 0, OTHER)
    await tab.button("Send as a new version").click()
    await expect(tab.questions.first).to_contain_text(words)
    await expect(editor(tab)).to_have_value(OTHER)
    await editor(tab).press("End")
    await editor(tab).press_sequentially(" Please.")
    await expect(tab.questions.first).not_to_contain_text(words)


async def test_a_question_and_an_answer_are_copied_as_they_were_written(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("dewey")
    tab = await talked(visits, person, FIRST)
    for message, name, text in (
        (tab.questions.first, "Copy question", FIRST),
        (tab.answers.first, "Copy answer", "**42**"),
    ):
        await message.hover()
        await message.get_by_role("button", name=name).click()
        await expect(message.get_by_role("status").filter(has_text="Copied")).to_be_visible()
        assert text in await tab.page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        pytest.param("light", {}, marks=pytest.mark.chaos),
        ("dark", {"viewport": PHONE, "has_touch": True}),
    ],
    ids=["wide and light", "phone and dark"],
)
async def test_axe_finds_nothing_serious_in_versions_and_editor(
    scheme: Literal["light", "dark"],
    options: dict[str, Any],
    visits: Visits,
    newcomer: Callable[[str], Awaitable[Person]],
) -> None:
    person = await newcomer("curie")
    tab = await talked(visits, person, FIRST, color_scheme=scheme, **options)
    await edit(tab, 0, OTHER)
    found = await violations(tab)
    await tab.button("Send as a new version").click()
    await expect_talk(tab, (OTHER, "48"))
    await tab.button("Answer again").click()
    await expect(place(tab.answers.first)).to_contain_text("2 / 2")
    await tab.expect_end()
    assert found + await violations(tab) == []
    width = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == await tab.page.evaluate("innerWidth"), "the page scrolls sideways"
