"""What a person sees of the connection: a network that comes and goes, deploys, full houses."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import expect

from billing.selectors import entitlements_of
from chat.database import in_database
from netra.client import ChatConnection
from tests.journeys.browser import BROWSER_JOURNEY, NO_SERVER, Visits
from tests.journeys.conftest import STEADY, Person
from tests.journeys.test_browser_chat import expect_stored
from tests.journeys.test_browser_faults import ask_at_length, roles_of

pytestmark = BROWSER_JOURNEY
VARIABLES = STEADY


async def test_a_page_whose_network_was_away_wakes_and_misses_nothing(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("hertz")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.chat()
    await ask_at_length(tab)

    await tab.page.context.set_offline(True)
    await tab.expect_status("offline")
    # Said aloud, too: what is only seen tells some people nothing.
    said = tab.page.get_by_role("status").filter(has_text="No network")
    await expect(said).to_be_visible()
    await tab.ask("What is 11 * 11?")
    await expect(tab.questions.last).to_contain_text("pending")
    await tab.page.context.set_offline(False)
    await tab.expect_status("ready")

    await expect(tab.answers).to_have_count(2)
    await expect(tab.answers.last).to_contain_text("121")
    answers = await expect_stored(tab)
    assert "Total spend" in answers[0]
    assert sorted(await roles_of(tab.thread_id)) == ["assistant", "assistant", "user", "user"]
    tab.forgive(NO_SERVER)


async def test_a_deploy_in_the_middle_of_an_answer_shows_no_error_and_loses_nothing(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    servers = visits.servers
    person = await newcomer("jenner")
    tab = await visits.open(person.cookie(servers))
    await tab.chat()
    await ask_at_length(tab)

    process = servers.terminate("web")
    await tab.expect_status("connecting")
    await tab.ask("What is 12 * 11?")
    await asyncio.to_thread(process.wait, 30)
    servers.start_web()
    await tab.expect_status("ready")

    assert "offline" not in await tab.witnessed("status")
    await expect(tab.page.locator("#banner")).to_be_hidden()
    await expect(tab.answers).to_have_count(2)
    await expect(tab.answers.last).to_contain_text("132")
    assert len(await tab.witnessed("length")) > 2, "the text did not grow"
    answers = await expect_stored(tab)
    assert "Total spend" in answers[0]
    assert sorted(await roles_of(tab.thread_id)) == ["assistant", "assistant", "user", "user"]
    tab.forgive(NO_SERVER)


async def test_one_window_too_many_says_how_many_may_be_and_comes_in_when_one_has_gone(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    servers = visits.servers
    person = await newcomer("kepler")
    cookie = person.cookie(servers)
    limits = (await in_database(entitlements_of, person.user)).limits
    allowed = limits["concurrent_connections"]
    assert allowed is not None
    tab = await visits.open(cookie)
    async with AsyncExitStack() as others:
        for _ in range(allowed):
            other = ChatConnection.open(servers.base_url, cookie=cookie)
            await (await others.enter_async_context(other)).until("ready")
        await tab.go()
        await tab.expect_status("offline")
        await expect(tab.page.locator("#banner")).to_contain_text(
            re.compile(rf"Too many windows .* plan allows {allowed} connections", re.IGNORECASE)
        )
        await tab.ask("What is 9 * 11?")
        await expect(tab.questions.last).to_contain_text("pending")

    await expect_comes_in(visits)
    await expect(tab.answers).to_contain_text("99")


async def expect_comes_in(visits: Visits) -> None:
    """Try again, as a person would, until the places that were left are free."""
    [tab] = visits.tabs
    again = tab.button("Try again")
    for _ in range(100):
        if await tab.status.inner_text() == "ready":
            return
        # The button is gone while the page connects, and a click would wait for it for ever.
        if await again.is_visible():
            await again.dispatch_event("click")
        await asyncio.sleep(0.25)
    raise AssertionError("no place became free")


@pytest.mark.chaos
async def test_typing_is_seen_in_the_other_window_for_a_while(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("lamarr")
    first = await visits.open(person.cookie(visits.servers))
    await first.chat()
    await first.ask("What is 1 + 2?")
    await first.expect_end()
    second = await visits.beside(first)
    await second.chat(f"/chat/{first.thread_id}/")
    await expect(second.answers).to_have_count(1)

    await first.message.press_sequentially("And", delay=20)
    await expect(second.page.get_by_text("Typing in another window")).to_be_visible()
    await expect(first.page.get_by_text("Typing in another window")).to_be_hidden()
    await first.button("Send").click()
    await expect(second.questions).to_have_count(2)
    await expect(second.page.get_by_text("Typing in another window")).to_be_hidden()


# As a proxy that knows only pages and calls.
NO_WEBSOCKETS = """
globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) { super(url.replace("/ws/chat/", "/blocked/"), protocols); }
};
"""


async def test_where_websockets_are_blocked_the_page_talks_by_a_stream_and_misses_nothing(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("bell")
    tab = await visits.open(person.cookie(visits.servers))
    await tab.page.context.add_init_script(NO_WEBSOCKETS)
    await tab.chat()
    await ask_at_length(tab)
    await tab.page.reload()
    await tab.expect_status("ready")
    await tab.ask("What is 13 * 11?")
    await tab.button("Stop").click()
    await expect(tab.answers.first).to_contain_text("Stopped")
    await expect(tab.answers.last).to_contain_text("143")
    await expect_stored(tab)
    tab.forgive(re.compile(r"WebSocket connection to .* failed"))
