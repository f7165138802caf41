"""A tool that needs its user: allowed, changed, forbidden or stopped, and messages that wait."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.async_api import Locator, expect

from chat.database import in_database
from chat.models import ToolCall
from chat.runs.lifecycle import CallState
from tests.journeys.browser import BROWSER_JOURNEY, NO_SERVER, Tab, Visits
from tests.journeys.conftest import Person
from tests.journeys.test_browser_access import PHONE, violations

pytestmark = BROWSER_JOURNEY

DEMONSTRATION = "/demo"
ALLOWED = "You allowed this"
QUESTION = "What is 6 * 7?"


def approval(tab: Tab) -> Locator:
    return tab.conversation.get_by_role("group", name=re.compile(r"^Allow .+\?$"))


async def asked_for_approval(visits: Visits, person: Person) -> Tab:
    """A tab with a run that waits for its user."""
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await tab.ask(DEMONSTRATION)
    await expect(approval(tab)).to_be_visible()
    await in_database(give_a_day, person)
    return tab


def give_a_day(person: Person) -> None:
    """The demonstration waits for seconds only; a journey on a slow machine needs longer."""
    calls = ToolCall.objects.filter(run__user=person.user, status=CallState.WAITING)
    calls.update(expires_at=timezone.now() + timedelta(days=1))


def end_the_time(person: Person) -> None:
    ToolCall.objects.filter(run__user=person.user).update(expires_at=timezone.now())


async def test_what_waits_is_announced_takes_no_focus_and_is_decided_on_another_device(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("hopper")
    tab = await asked_for_approval(visits, person)
    await expect(tab.page.locator("#announcer")).to_have_text(re.compile("asks whether it may use"))
    await expect(tab.message).to_be_focused()
    in_list = tab.page.locator("#threads").get_by_role("img", name="Waits for your decision")
    await expect(in_list).to_be_visible()
    await tab.page.reload()
    await expect(approval(tab)).to_contain_text("Open until")
    await expect(in_list).to_be_visible()

    other = await visits.open(person.cookie(visits.servers), viewport=PHONE)
    await other.chat(f"/chat/{tab.thread_id}/")
    assert await violations(other) == []
    await other.button("Approve").click()
    await expect(in_list).to_be_hidden()
    for each in (tab, other):
        await expect(each.answers).to_contain_text(ALLOWED)
        await expect(approval(each)).to_have_count(0)
        await each.expect_end()
    await tab.page.reload()
    await expect(tab.answers).to_contain_text(ALLOWED)


async def test_arguments_are_changed_by_keyboard_and_used_as_changed(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("keller")
    tab = await asked_for_approval(visits, person)
    await tab.button("Edit").press("Enter")
    field = approval(tab).get_by_role("textbox").first
    await expect(field).to_be_focused()
    await field.press("Escape")
    await expect(tab.button("Edit")).to_be_focused()
    await tab.button("Edit").press("Enter")
    await field.press("End")
    await field.press_sequentially(" (checked)")
    await tab.button("Approve with changes").press("Enter")

    await expect(tab.answers).to_contain_text(f"{ALLOWED}, with changes")
    await expect(tab.answers.locator(".tool-card summary:focus")).to_have_count(1)
    await tab.page.keyboard.press("Enter")
    await expect(tab.answers.locator(".tool-card[open]")).to_contain_text("(checked)")
    await tab.expect_end()


async def test_what_is_denied_is_not_done_and_the_answer_goes_on(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("turing")
    tab = await asked_for_approval(visits, person)
    await tab.button("Deny").click()
    await expect(tab.answers).to_contain_text("You did not allow this")
    await tab.expect_text(1)
    await tab.expect_end()


@pytest.mark.chaos
async def test_what_nobody_decides_is_denied_in_time(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("godot")
    tab = await asked_for_approval(visits, person)
    await in_database(end_the_time, person)
    await expect(tab.answers).to_contain_text("Nobody decided about this in time")
    await tab.expect_end()


async def test_stop_ends_what_waits_and_the_next_message_is_answered(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("franklin")
    tab = await asked_for_approval(visits, person)
    await tab.button("Stop").click()
    await expect(tab.answers).to_contain_text("Stopped before you decided")
    await expect(approval(tab)).to_have_count(0)
    await tab.ask(QUESTION)
    await expect(tab.answers.last).to_contain_text("42")


@pytest.mark.chaos
async def test_a_decision_without_a_server_is_kept_and_sent_when_there_is_one(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("dijkstra")
    tab = await asked_for_approval(visits, person)
    visits.servers.kill("web")
    await tab.button("Approve").click()
    await expect(approval(tab)).to_contain_text("Allowing this…")
    await expect(tab.button("Deny")).to_have_attribute("aria-disabled", "true")
    visits.servers.start_web()
    await expect(tab.answers).to_contain_text(ALLOWED)
    await tab.expect_end()
    tab.forgive(NO_SERVER)


@pytest.mark.parametrize(
    "reloads", [pytest.param(False, marks=pytest.mark.chaos), True], ids=["live", "reloaded"]
)
async def test_messages_wait_for_their_turn_are_taken_back_or_sent_now(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]], reloads: bool
) -> None:
    person = await newcomer("erlang")
    tab = await asked_for_approval(visits, person)
    for text in (QUESTION, "What is 2 + 2?", "What is 3 + 3?"):
        await tab.ask(text)
    if reloads:
        await tab.page.reload()
    await expect(tab.questions.nth(1)).to_contain_text("Waiting (next)")
    await expect(tab.questions.nth(3)).to_contain_text("Waiting (3rd)")
    await tab.questions.nth(2).get_by_role("button", name="Remove").click()
    await expect(tab.questions.nth(2)).to_contain_text("Stopped before")
    await expect(tab.questions.nth(3)).to_contain_text("Waiting (2nd)")

    await tab.questions.nth(3).get_by_role("button", name="Send now").click()
    await expect(tab.answers.first).to_contain_text("Stopped before you decided")
    await expect(tab.questions.nth(1)).to_contain_text("3 + 3")
    await expect(tab.answers).to_have_count(3)
    await tab.expect_end()
    await expect(tab.answers.nth(1)).to_contain_text("6")
    await expect(tab.answers.nth(2)).to_contain_text("42")
    await expect(tab.button("Remove")).to_have_count(0)
