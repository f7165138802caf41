"""Runs that call a server's tool: asked for, approved, journalled, and gone on with."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pytest_django.fixtures import Settings

from accounts.models import User
from chat import approvals, services
from chat.agents.fallback import Chain
from chat.agents.mcp import checks
from chat.agents.models import ModelChoice, current_model
from chat.database import in_database
from chat.mcp_rows import McpServer
from chat.models import Event, Run, ToolCall
from chat.runs import attempts
from chat.runs.lifecycle import RunState
from chat.runs.runner import Runner
from chat.services import Outgoing
from tests.fakes.mcp_server import mcp_over_http
from tests.fakes.openai_server import CallTool, FakeOpenAI, Say

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with mcp_over_http() as (address, _process):
        yield address


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


async def connected(url: str) -> McpServer:
    server = await in_database(McpServer.objects.create, name="far", url=url, timeout_s=10)
    await checks.check(server)
    return server


async def posted(user: User, text: str) -> str:
    message = Outgoing(client_id=f"c {text}", text=text, thread_id=None)
    return (await in_database(services.post_message, user=user, message=message)).run_id


async def attempted(run_id: str, fake: FakeOpenAI | None = None) -> None:
    """One attempt at a run, by a connected model or by the built-in assistant."""
    choice = current_model()
    if fake is not None:
        choice = ModelChoice(name="fake", agent_name="fake", builtin=False, url=fake.url)
    attempt = await in_database(attempts.claim, run_id, agent_name="a", model=choice.name)
    assert attempt is not None
    await Runner(attempt, Chain(choice=choice)).run()


async def approve(user: User, run_id: str, call_id: str, args: dict[str, Any] | None) -> None:
    await in_database(
        approvals.decide, user=user, run_id=run_id, call_id=call_id, decision="approve", args=args
    )


def told(run_id: str) -> list[tuple[str, Any]]:
    events = Event.objects.filter(run_id=run_id).order_by("seq")
    return [(event.type, msgspec.json.decode(event.data)) for event in events]


async def test_a_connected_model_calls_a_tool_of_a_server_once_approved(
    url: str, user: User, fake: FakeOpenAI, settings: Settings
) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    await connected(url)
    run_id = await posted(user, "Walk!")
    fake.will(CallTool("far__walk", {"steps": 9}), Say("You are there."))
    await attempted(run_id, fake)
    offered = {tool["function"]["name"]: tool for tool in fake.requests[0].body["tools"]}
    assert offered["far__walk"]["function"]["parameters"]["required"] == ["steps"]
    assert "calculate" in offered

    run = await in_database(Run.objects.get)
    assert run.state == RunState.WAITING
    await approve(user, run_id, "call_fake_1", {"steps": 1})
    await attempted(run_id, fake)
    events = await in_database(told, run_id)
    assert [kind for kind, _ in events if "tool" in kind or "approval" in kind] == [
        "tool_call", "approval_required", "approval_resolved", "tool_executing", "tool_progress",
        "tool_completed",
    ]  # fmt: skip
    [completed] = [data for kind, data in events if kind == "tool_completed"]
    assert completed["result"]["text"] == "there"
    assert fake.requests[1].body["messages"][-1]["role"] == "tool"
    assert "there" in fake.requests[1].body["messages"][-1]["content"]
    assert (await in_database(Run.objects.get)).state == RunState.COMPLETED


async def test_a_server_that_is_away_is_told_and_fails_no_run(
    url: str, user: User, fake: FakeOpenAI, settings: Settings
) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    server = await connected(url)
    await in_database(McpServer.objects.update, is_well=False)
    run_id = await posted(user, "Hello")
    fake.will(CallTool("far__walk", {"steps": 9}), Say("It is away."))
    await attempted(run_id, fake)
    events = await in_database(told, run_id)
    thoughts = [data["text"] for kind, data in events if kind == "agent_thinking"]
    assert "The tools of far are away at the moment." in thoughts
    assert "far__walk" not in str(fake.requests[0].body["tools"])
    assert (await in_database(Run.objects.get)).state == RunState.COMPLETED
    assert not await in_database(ToolCall.objects.exists)
    await in_database(server.delete)


async def test_the_assistant_lists_tools_and_calls_one_by_its_name(
    url: str, payer: User, settings: Settings
) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    settings.NETRA_ASSISTANT_TOKENS_PER_S = 0
    await connected(url)

    async def answer(text: str) -> str:
        run_id = await posted(payer, text)
        await attempted(run_id)
        run = await in_database(Run.objects.get, public_id=run_id)
        if run.state == RunState.WAITING:
            call = await in_database(ToolCall.objects.get)
            await approve(payer, run_id, call.call_id, None)
            await attempted(run_id)
            run = await in_database(Run.objects.get, public_id=run_id)
        return str(run.partial_text)

    listed = await answer("/tools")
    assert "| `far__add` | Add two numbers. | yes |" in listed
    assert "`calculate`" in listed
    assert await answer('/use far__add {"a": 40, "b": 2}') == "It returned:\n\n```text\n42\n```"
    assert "no such tool" in await answer("/use far__nothing")
    assert "can't read" in await answer("/use far__add 40 and 2")
    assert "is a required property" in await answer("/use far__add {}")
