"""What a person sees while servers die and come back: the truth, and then all of the answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import WebSocketRoute, expect

from chat.database import in_database
from chat.models import Message
from tests.journeys.browser import BROWSER_JOURNEY, NO_SERVER, Tab, Visits
from tests.journeys.conftest import STEADY, Person
from tests.journeys.test_browser_chat import QUESTION, expect_stored, first_rows

pytestmark = BROWSER_JOURNEY
VARIABLES = STEADY

# Longer than a page needs to draw, so that no state between is skipped.
SETUP_HELD_S = 0.5


async def roles_of(thread_id: str) -> list[str]:
    """Who wrote the messages that the store has of a thread, in order."""
    messages = Message.objects.filter(thread__public_id=thread_id).order_by("seq")
    return await in_database(lambda: list(messages.values_list("role", flat=True)))


async def ask_at_length(tab: Tab) -> str:
    """Ask what takes some seconds to answer, and wait for the first lines of it."""
    await tab.ask(f"{QUESTION}\n\n{first_rows(100)}")
    return await tab.expect_text(150)


async def test_a_killed_web_process_costs_a_pause_and_nothing_else(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    servers = visits.servers
    person = await newcomer("faraday")
    tab = await visits.open(person.cookie(servers))
    await tab.chat()
    await ask_at_length(tab)

    servers.kill("web")
    await tab.expect_status("offline")
    await tab.ask("What is 9 * 9?")
    await expect(tab.questions.last).to_contain_text("pending")
    servers.start_web()
    await tab.expect_status("ready")

    await expect(tab.answers).to_have_count(2)
    await expect(tab.answers.last).to_contain_text("81")
    await expect(tab.questions).to_have_count(2)
    tab.forgive(NO_SERVER)
    answers = await expect_stored(tab)
    assert "Total spend" in answers[0]
    assert sorted(await roles_of(tab.thread_id)) == ["assistant", "assistant", "user", "user"]


@pytest.mark.chaos
async def test_a_killed_worker_is_told_as_degraded_and_its_answer_goes_on(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    servers = visits.servers
    person = await newcomer("gauss")
    tab = await visits.open(person.cookie(servers))
    await tab.chat()
    before = await ask_at_length(tab)

    servers.kill("worker")
    await tab.expect_status("degraded")
    await expect(tab.page.get_by_text("no worker is running")).to_be_visible()
    await tab.expect_at_end()
    servers.start_worker()
    await tab.expect_status("ready")

    await expect_stored(tab)
    after = await tab.answers.last.locator(".prose").inner_text()
    assert after.startswith(before[:100])
    assert await tab.answers.locator(".tool-card").count() == 1
    assert await roles_of(tab.thread_id) == ["user", "assistant"]


async def test_connected_is_not_called_ready_and_what_is_sent_meanwhile_waits(
    visits: Visits, newcomer: Callable[[str], Awaitable[Person]]
) -> None:
    person = await newcomer("hopper")
    tab = await visits.open(person.cookie(visits.servers))
    readiness = asyncio.Event()
    await hold_ready(tab, until=readiness)

    await tab.go()
    await tab.expect_status("connected")
    await tab.ask("What is 3 * 5?")
    await expect(tab.questions.last).to_contain_text("pending")
    await asyncio.sleep(SETUP_HELD_S)
    await expect(tab.answers).to_have_count(0)
    readiness.set()
    await tab.expect_status("ready")

    assert await tab.witnessed("status") == ["connecting", "connected", "ready"]
    await expect(tab.answers.last).to_contain_text("15")
    await tab.expect_end()
    assert await roles_of(tab.thread_id) == ["user", "assistant"]


async def hold_ready(tab: Tab, *, until: asyncio.Event) -> None:
    """Stand between page and server and keep back `ready`, with all that follows."""

    async def stand_between(page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        frames: asyncio.Queue[str | bytes] = asyncio.Queue()

        async def pass_on() -> None:
            while True:
                frame = await frames.get()
                if json.loads(frame)["type"] == "ready":
                    await until.wait()
                page.send(frame)

        passing = asyncio.create_task(pass_on())
        server.on_message(frames.put_nowait)
        server.on_close(lambda _code, _reason: passing.cancel())

    await tab.page.route_web_socket("**/ws/chat/", stand_between)
