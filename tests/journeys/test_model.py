"""A connected model on the real path: its text, its tools, its faults, and Stop."""

import json
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from netra.client import ChatConnection
from tests.fakes.openai_server import CallTool, FakeOpenAI, Refuse, Say
from tests.journeys.browser import Visits
from tests.journeys.conftest import Person
from tests.journeys.transcript import (
    Transcript,
    ask,
    assert_brackets,
    assert_text_is_whole,
    follow,
    follow_text,
)
from tests.servers import Servers

KEY = "sk-secret-of-the-journey"


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.mark.asyncio
async def test_a_connected_model_answers_fails_stops_and_answers_again(
    servers: Servers, person: Person, fake: FakeOpenAI
) -> None:
    servers.start(NETRA_MODEL_URL=fake.url, NETRA_MODEL_NAME="fake-model", NETRA_MODEL_KEY=KEY)
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
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
    servers: Servers, person: Person, fake: FakeOpenAI
) -> None:
    servers.start(NETRA_MODEL_URL=fake.url, NETRA_MODEL_NAME="fake-model", NETRA_MODEL_KEY=KEY)
    async with ChatConnection.open(servers.base_url, cookie=person.cookie(servers)) as socket:
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
    servers: Servers, person: Person, fake: FakeOpenAI, browser: Browser
) -> None:
    servers.start(NETRA_MODEL_URL=fake.url, NETRA_MODEL_NAME="fake-model", NETRA_MODEL_KEY=KEY)
    visits = Visits(browser, servers)
    try:
        tab = await visits.open(person.cookie(servers))
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
