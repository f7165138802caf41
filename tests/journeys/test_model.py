"""A connected model on the real path: its text, its tools, its faults, and Stop."""

import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
from playwright.async_api import Browser, expect
from pytest_django import DjangoDbBlocker

from accounts.models import User
from chat.database import in_database
from chat.model_rows import AgentModel
from netra.client import ChatConnection
from netra.sealed import seal
from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.openai_server import CallTool, FakeOpenAI, Refuse, Say
from tests.journeys.browser import Visits
from tests.journeys.conftest import Person, servers_of_a_module
from tests.journeys.transcript import (
    Transcript,
    ask,
    assert_brackets,
    assert_text_is_whole,
    follow,
    follow_text,
)
from tests.servers import Servers

pytestmark = pytest.mark.django_db

KEY = "sk-secret-of-the-journey"


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
def fake(provider: FakeOpenAI) -> FakeOpenAI:
    """The provider of all journeys here; it has been asked nothing yet."""
    provider.requests.clear()
    return provider


@pytest.fixture(scope="module")
def shared(
    provider: FakeOpenAI, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Servers]:
    variables = {
        "NETRA_MODEL_URL": provider.url,
        "NETRA_MODEL_NAME": "fake-model",
        "NETRA_MODEL_KEY": KEY,
        "NETRA_PRIVATE_HOSTS": "127.0.0.1",
    }
    with servers_of_a_module(django_db_blocker, **variables) as servers:
        yield servers


@pytest.mark.asyncio
async def test_a_connected_model_answers_fails_stops_and_answers_again(
    shared: Servers, visitor: Person, fake: FakeOpenAI
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")

        fake.will(CallTool("calculate", {"expression": "6*7"}), Say("It is 42. 😀"))
        transcript, run_id = await ask(socket, "What is 6 times 7?")
        ended = await follow(socket, transcript, "agent_completed")
        types = transcript.types(run_id)
        assert_brackets(types)
        assert types[:5] == [
            "agent_started", "agent_thinking", "usage_updated", "tool_executing", "tool_completed",
        ]  # fmt: skip
        assert assert_text_is_whole(transcript, run_id, streamed=False) == "It is 42. 😀"
        assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"

        await two_calls_under_one_id_are_two(socket, fake, transcript)

        fake.will(Refuse(429, headers={"Retry-After": "3"}))
        await ask(socket, "Again?", transcript)
        ended = await follow(socket, transcript, "agent_completed")
        assert ended["data"]["status"] == "failed"
        assert ended["data"]["error"]["retryable"] is True
        assert_brackets(transcript.types(ended["run_id"]))

        fake.will(Say("word " * 400, pause_s=0.02))
        _, run_id = await ask(socket, "Talk.", transcript)
        await follow_text(socket, transcript, run_id, 20)
        fake.client_left.clear()
        await socket.stop(run_id)
        ended = await follow(socket, transcript, "agent_completed")
        assert ended["data"]["status"] == "stopped"
        assert fake.client_left.wait(5), "the provider's connection is closed"

        fake.will(Say("Still here."))
        await ask(socket, "And now?", transcript)
        ended = await follow(socket, transcript, "agent_completed")
        assert ended["data"]["status"] == "completed"
        assert transcript.texts[ended["run_id"]] == "Still here."
    # What was said before goes along: question, cut answer and all.
    said = str(fake.requests[-1].body["messages"])
    assert "It is 42." in said
    assert "word word" in said
    assert KEY not in str(socket.received)


async def two_calls_under_one_id_are_two(
    socket: ChatConnection, fake: FakeOpenAI, transcript: Transcript
) -> None:
    """As of a provider that counts its calls anew with each answer."""
    six, two = ({"expression": expression} for expression in ("2*3", "1+1"))
    fake.will(CallTool("calculate", six), CallTool("calculate", two), Say("Six and two."))
    await ask(socket, "And those?", transcript)
    run_id = (await follow(socket, transcript, "agent_completed"))["run_id"]
    results = [
        event["data"]["result"]["value"]
        for event in transcript.events
        if event["run_id"] == run_id and event["type"] == "tool_completed"
    ]
    assert results == ["6", "2"]


@pytest.mark.asyncio
async def test_what_a_model_uses_is_told_by_step_run_day_and_month(
    shared: Servers, visitor: Person, fake: FakeOpenAI
) -> None:
    async with ChatConnection.open(shared.base_url, cookie=visitor.cookie(shared)) as socket:
        await socket.until("ready")

        fake.will(CallTool("calculate", {"expression": "6*7"}), Say("It is 42.", cached_tokens=5))
        transcript, run_id = await ask(socket, "What is 6 times 7?")
        ended = await follow(socket, transcript, "agent_completed")
        used = ended["data"]["usage"]
        assert used.pop("elapsed_ms") > 0
        # No list has a price for a server on this machine.
        assert used == {
            "requests": 2, "input_tokens": 22, "cached_tokens": 5, "output_tokens": 30,
            "unpriced_requests": 2,
        }  # fmt: skip
        steps = [event for event in transcript.events if event["type"] == "usage_updated"]
        assert [step["data"]["usage"]["requests"] for step in steps] == [1, 2]
        assert {step["run_id"] for step in steps} == {run_id}

        fake.will(*(CallTool("calculate", {"expression": "1"}, f"call_{n}") for n in range(20)))
        await ask(socket, "Go on and on.", transcript)
        ended = await follow(socket, transcript, "agent_completed")
        [reached] = [one for one in transcript.events if one["type"] == "limit_reached"]
        assert reached["data"]["limit"] == ended["data"]["error"]["code"] == "run_requests"
        assert ended["data"]["status"] == "limit"
        assert len(fake.requests) == 22
        assert_brackets(transcript.types(ended["run_id"]))
        assert ended["data"]["usage"]["requests"] == 20

        fake.will(CallTool("show_account", {}), Say("You used that."))
        await ask(socket, "What did I use?", transcript)
        ended = await follow(socket, transcript, "agent_completed")
        account = json.loads(fake.requests[-1].body["messages"][-1]["content"])
    [today] = account["today"]
    assert account["this_month"] == [today]
    # Of runs that have ended: not of the one that asks.
    assert (today["model"], today["runs"], today["requests"]) == ("fake-model", 2, 22)
    assert (today["input_tokens"], today["cost_usd"]) == (22 * 11, None)


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_failed_answer_is_tried_again_without_repeating_the_question(
    shared: Servers, visitor: Person, fake: FakeOpenAI, browser: Browser
) -> None:
    visits = Visits(browser, shared)
    try:
        tab = await visits.open(visitor.cookie(shared))
        await tab.chat()
        fake.will(Refuse(500))
        await tab.message.fill("What is the capital of France?")
        await tab.message.press("Enter")
        retry = tab.page.get_by_role("button", name="Retry")
        await expect(retry).to_be_visible(timeout=30_000)
        fake.requests.clear()
        fake.will(Say("It is Paris."))
        await retry.click()
        conversation = tab.page.get_by_role("region", name="Conversation")
        await expect(conversation).to_contain_text("It is Paris.", timeout=30_000)
        await expect(conversation.get_by_role("article", name="You")).to_have_count(1)
        await expect(retry).to_have_count(0)
        [request] = fake.requests
        asked = [one for one in request.body["messages"] if one["role"] == "user"]
        assert [one["content"] for one in asked] == ["What is the capital of France?"]
        await tab.page.reload()
        await expect(conversation).to_contain_text("It is Paris.")
        await expect(conversation.get_by_role("article", name="You")).to_have_count(1)
    finally:
        await visits.close()


def connect(fake: FakeOpenAI, name: str, protocol: str, **more: object) -> AgentModel:
    return AgentModel.objects.create(
        name=name,
        protocol=protocol,
        url=fake.url,
        model_id=name.lower(),
        sealed_key=seal(KEY),
        **more,
    )


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_models_are_tried_by_an_operator_chosen_by_a_user_and_stand_in(
    shared: Servers,
    newcomer: Callable[[str], Awaitable[Person]],
    fake: FakeOpenAI,
    browser: Browser,
) -> None:
    person, operator = await newcomer("ada"), await newcomer("root")
    operators = User.objects.filter(pk=operator.user.pk)
    await in_database(operators.update, is_staff=True, is_superuser=True)
    visits = Visits(browser, shared)
    with FakeAnthropic() as other:
        fast = await in_database(connect, fake, "Fast", "openai", is_default=True)
        await in_database(connect, other, "Wise", "anthropic")
        try:
            desk = await visits.open(operator.cookie(shared))
            fake.will(Say("I am ready."))
            await desk.go(f"/admin/chat/agentmodel/{fast.pk}/change/")
            await desk.page.get_by_role("button", name="Test what is saved").click()
            await expect(desk.page.locator(".messagelist")).to_contain_text("“I am ready.”")
            assert fake.requests.pop().headers["authorization"] == f"Bearer {KEY}"

            tab = await visits.open(person.cookie(shared))
            await tab.chat()
            model = tab.page.get_by_role("button", name="Model:")
            conversation = tab.page.get_by_role("region", name="Conversation")
            await model.click()
            await tab.page.get_by_role("menuitemradio", name="Wise").click()
            other.title = "Trees in Winter"
            other.will(Say("They sleep.", thinking="Let me think."))
            await tab.message.fill("What do trees do in winter?")
            await tab.message.press("Enter")
            await expect(conversation).to_contain_text("They sleep.")
            await expect(tab.page.get_by_role("heading", name="Trees in Winter")).to_be_visible()

            await tab.page.reload()
            await expect(conversation).to_contain_text("They sleep.")
            await expect(model).to_have_text("Wise")
            other.will(Refuse(529))
            fake.will(Say("It is I who answers."))
            await tab.message.fill("And in spring?")
            await tab.message.press("Enter")
            await expect(conversation).to_contain_text("It is I who answers.")
            meta = conversation.get_by_role("article").last
            await expect(meta).to_contain_text("fast · ")
            thoughts = conversation.get_by_text("Asking Fast instead.")
            await expect(thoughts).to_have_count(1)
            assert (len(other.requests), len(fake.requests)) == (2, 1)
            assert tab.faults == []
        finally:
            await visits.close()
            await in_database(AgentModel.objects.all().delete)
