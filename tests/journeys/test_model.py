"""A connected model on the real path: its text, its tools, its faults, and Stop."""

from collections.abc import Iterator

import pytest

from netra.client import ChatConnection
from tests.fakes.openai_server import CallTool, FakeOpenAI, Refuse, Say
from tests.journeys.conftest import Person
from tests.journeys.transcript import (
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
        assert types[:4] == [
            "agent_started", "agent_thinking", "tool_executing", "tool_completed",
        ]  # fmt: skip
        assert assert_text_is_whole(transcript, run_id) == "It is 42. 😀"
        assert ended["data"]["usage"]["output_tokens"] > 0
        assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"

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
