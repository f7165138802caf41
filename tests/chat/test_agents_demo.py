"""The scripted demonstration: every kind of event, whatever its user decides, and resumable."""

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessagesTypeAdapter

from chat.agents.citations import citations_of
from chat.agents.demo import SCENES
from chat.agents.models import ModelChoice, build_agent
from chat.agents.pace import tokens_of
from chat.agents.toolbox import TOOLS
from chat.agents.tools.registry import ToolContext
from tests.chat.agents_world import Outcome, World

# The pace of the settings, and how long /demo may take at it when nobody decides.
TOKENS_PER_S = 60
DEMO_S_MAX = 12


def built_in() -> Agent[ToolContext, str]:
    choice = ModelChoice(name="built-in", agent_name="Netra", builtin=True, tokens_per_s=0)
    return build_agent(choice)


async def shown(world: World) -> Outcome:
    return await world.run(built_in(), "/demo")


@pytest.mark.asyncio
async def test_it_thinks_works_fails_cites_asks_and_streams() -> None:
    world = World(edits={})
    await shown(world)

    assert len(world.thoughts) == len(SCENES)
    assert [text for _, text in world.progress] == [*(f"Step {n} of 3" for n in (1, 2, 3)),
                                                    "Step 1 of 1"]  # fmt: skip
    assert world.failed == [("demonstrate", "demonstration")]
    names = [name for _, name, _ in world.executed]
    assert names == ["demonstrate", "search_docs", "send_report"]
    assert citations_of(world.executed[1][2])
    for mark in ("```python", "| Event | Carries |", "1. **", "scripted demonstration"):
        assert mark in world.text


@pytest.mark.asyncio
async def test_an_approved_report_is_made_once_with_the_edited_arguments() -> None:
    world = World(edits={"to": "someone@example.com"})
    await shown(world)

    assert world.asked[0][1]["to"] == "you@example.com"
    call_id, name, note = world.executed[-1]
    assert (name, isinstance(note, dict)) == ("send_report", True)
    assert isinstance(note, dict)
    assert "for someone@example.com was noted; nothing left this server" in str(note["note"])
    assert note["key"] == call_id
    assert "You **approved** the report" in world.text


@pytest.mark.asyncio
async def test_a_denied_report_is_not_made_and_the_run_goes_on() -> None:
    world = World(edits=None)
    await shown(world)

    assert world.failed[-1] == ("send_report", "denied")
    assert "was **not approved**" in world.text
    assert "Now try it with data of your own" in world.text


@pytest.mark.asyncio
async def test_every_call_of_a_demonstration_has_an_id_of_its_own() -> None:
    world = World(edits={})
    await shown(world)

    ids = {call_id for call_id, _ in world.progress} | {call_id for call_id, _, _ in world.executed}
    assert len(ids) == 4


@pytest.mark.asyncio
@pytest.mark.parametrize("scene", range(len(SCENES)))
async def test_it_goes_on_from_any_of_its_scenes(scene: int) -> None:
    first = World(edits={})
    await shown(first)
    again = World(
        edits={},
        runs=1,
        texts=["/demo"],
        history=ModelMessagesTypeAdapter.validate_json(first.stored[scene]),
    )
    resumed = await again.run(built_in(), None, resume=True)

    assert resumed.text in first.text
    assert "You **approved** the report" in resumed.text
    mine = {call_id for call_id, _, _ in again.executed}
    assert mine <= {call_id for call_id, _, _ in first.executed}


@pytest.mark.asyncio
async def test_at_the_usual_pace_it_lasts_about_ten_seconds() -> None:
    world = World(edits=None)
    await shown(world)
    (patience,) = [tool.approval_s for tool in TOOLS if tool.name == "send_report"]

    tools_s = 3 * 0.5 + 0.4
    assert 8 < len(tokens_of(world.text)) / TOKENS_PER_S + tools_s + patience < DEMO_S_MAX
