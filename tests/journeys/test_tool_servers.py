"""A server of tools from an operator's form to a user's answer, on real processes."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect
from pytest_django import DjangoDbBlocker

from accounts.models import User
from chat.database import in_database
from tests.fakes.mcp_server import mcp_over_http
from tests.fakes.openai_server import CallTool, FakeOpenAI, Say
from tests.journeys.browser import Visits
from tests.journeys.conftest import Person, servers_of_a_module
from tests.servers import Servers

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.browser,
    pytest.mark.chaos,
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture(scope="module")
def shared(
    provider: FakeOpenAI, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Servers]:
    variables = {
        "NETRA_MODEL_URL": provider.url,
        "NETRA_MODEL_NAME": "fake-model",
        "NETRA_PRIVATE_HOSTS": "127.0.0.1",
    }
    with servers_of_a_module(django_db_blocker, **variables) as servers:
        yield servers


async def test_an_operator_connects_a_server_whose_tool_then_answers(
    shared: Servers, visitor: Person, provider: FakeOpenAI, browser: Browser
) -> None:
    await in_database(User.objects.update, is_staff=True, is_superuser=True)
    visits = Visits(browser, shared)
    try:
        with mcp_over_http() as (url, _process):
            tab = await visits.open(visitor.cookie(shared))
            await tab.go("/admin/chat/mcpserver/add/")
            await tab.page.get_by_label("Name:").fill("far")
            await tab.page.get_by_label("Address:").fill(url)
            await tab.button("Save and continue editing").click()
            await tab.button("Check what is saved").click()
            told = tab.page.get_by_text("Far has 8 tools and answered in")
            await expect(told).to_be_visible(timeout=30_000)

            await tab.chat()
            provider.will(CallTool("far__walk", {"steps": 3}), Say("You are there."))
            await tab.ask("Walk!")
            await tab.button("Approve").click()
            await expect(tab.answers.first).to_contain_text("You are there.", timeout=30_000)
            await expect(tab.conversation).to_contain_text(re.compile(r"Far\s+walk"))
        await tab.go("/admin/chat/mcpserver/")
        await tab.page.get_by_role("link", name="far", exact=True).click()
        await tab.button("Check what is saved").click()
        gone = tab.page.get_by_text("Far: Nothing answers at its address.")
        await expect(gone).to_be_visible(timeout=30_000)

        await tab.chat()
        provider.will(Say("Nothing to walk with."))
        await tab.ask("Walk again!")
        await expect(tab.answers.first).to_contain_text("Nothing to walk", timeout=30_000)
        offered = [tool["function"]["name"] for tool in provider.requests[-1].body["tools"]]
        assert "calculate" in offered
        assert not any(name.startswith("far__") for name in offered)
    finally:
        await visits.close()
