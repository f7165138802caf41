"""docs/tools.md says what is so: its example is a tool that works, as it stands there."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from chat.agents import tools
from chat.agents.charts import LABELS_MAX, SERIES_MAX
from chat.agents.citations import CITATIONS_MAX
from chat.agents.tools import registry
from chat.agents.tools.registry import ToolContext
from chat.agents.toolset import RESULT_BYTES_MAX, JournalledToolset
from tests.chat.agents_world import World

PAGE = Path(settings.BASE_DIR, "docs/tools.md").read_text(encoding="utf-8")
TOOL, TEST = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[ModuleType]:
    """The example as a file of its own beside the tools, for as long as a test lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools, "__path__", [*tools.__path__, str(tmp_path)])
        patch.setattr(registry, "_registered", dict(registry._registered))
        (tmp_path / "find_sunrise.py").write_text(TOOL, encoding="utf-8")
        importlib.invalidate_caches()
        yield importlib.import_module("chat.agents.tools.find_sunrise")
        del sys.modules["chat.agents.tools.find_sunrise"]
        patch.delattr(tools, "find_sunrise")


@pytest.mark.asyncio
async def test_the_tests_on_the_page_pass(example: ModuleType) -> None:
    page: dict[str, object] = {"__name__": "page"}
    exec(compile(TEST, "docs/tools.md", "exec"), page)
    found = [value for name, value in page.items() if name.startswith("test_")]

    assert len(found) == 2
    for test in found:
        assert callable(test)
        await test()


@pytest.mark.asyncio
async def test_an_agent_calls_the_tool_on_the_page(example: ModuleType) -> None:
    (sunrise,) = [tool for tool in registry.registered() if tool.name == "find_sunrise"]

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        (offered,) = info.function_tools
        assert offered.description == sunrise.description
        if len(messages) > 1:
            return ModelResponse(parts=[TextPart("At six.")])
        return ModelResponse(parts=[ToolCallPart("find_sunrise", {"latitude": 0})])

    agent: Agent[ToolContext, str] = Agent(
        FunctionModel(model), deps_type=ToolContext, toolsets=[JournalledToolset([sunrise])]
    )
    world = World()
    result = await agent.run("When does the sun rise?", deps=world.context())

    assert result.output == "At six."
    assert world.executed[0][2] == {"day": "2026-11-22", "rises_at": 6.0, "hours_of_light": 12.0}


LIMITS = [
    (f"at\nmost {RESULT_BYTES_MAX // 1024} KiB", RESULT_BYTES_MAX % 1024 == 0),
    (f"`timeout_s` is {registry.TIMEOUT_S:g} at most", True),
    (f"at most {LABELS_MAX} `labels`, at most {SERIES_MAX} `series`", True),
    (f"at most {CITATIONS_MAX} |", True),
    ("`approval_s` seconds (a day)", registry.APPROVAL_S == 24 * 3600),
]


@pytest.mark.parametrize(("words", "holds"), LIMITS)
def test_the_limits_on_the_page_are_those_in_the_code(words: str, holds: bool) -> None:
    assert holds
    assert words in PAGE


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:chat|tests)/[\w/.]+\.py)`", PAGE))
    here = {name for name in named if Path(settings.BASE_DIR, name).is_file()}

    assert named - here == {
        "chat/agents/tools/find_sunrise.py",
        "tests/chat/test_agents_find_sunrise.py",
    }
