"""/tools and /use: what tools there are, and one of a connected server called by its name."""

import json
import re
from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue, RootModel
from pydantic_ai.messages import ToolReturnPart

from chat.agents.answers.text import cell, table
from chat.agents.mcp.offering import ServerAnswer
from chat.agents.step import Call, Step
from chat.agents.toolbox import TOOLS
from chat.agents.tools.registry import Tool
from chat.agents.turn import Turn, parsed

_USE: Final = re.compile(r"\s*/use\s+(?P<name>[\w-]+)\s*(?P<args>.*?)\s*", re.I | re.S)
# The tool's card has the whole of it.
SHOWN_CHARS_MAX: Final = 4000
HOW: Final = 'Name a tool of a connected server and its arguments, such as `/use name {"a": 1}`.'


class GivenArguments(RootModel[dict[str, JsonValue]]):
    """Arguments as the user wrote them; the tool checks them."""


def tools_step(turn: Turn) -> Step:
    """The tools that there are, own ones and those of servers."""
    own = [tool for tool in TOOLS if not tool.builtin_only]
    told = f"Tools that I have, or that a connected model is given:\n\n{_rows(own)}"
    connected = turn.context.connected.values()
    if connected:
        told += f"\n\nTools of connected servers. {HOW}\n\n{_rows(connected)}"
    return Step(thought="This asks for my tools.", text=told)


def use_step(turn: Turn) -> Step:
    """The call that the user spelled out, then its result."""
    if turn.returns:
        return Step(text=_result(turn.returns[-1]))
    found = _USE.fullmatch(turn.question)
    tool = turn.context.connected.get(found["name"]) if found else None
    if found is None or tool is None:
        thought = "No connected server has a tool of that name."
        return Step(thought=thought, text=f"I find no such tool; /tools lists them. {HOW}")
    arguments = _arguments(found["args"])
    if arguments is None:
        thought = "The arguments are no JSON object."
        return Step(thought=thought, text=f"I can't read the arguments. {HOW}")
    call = Call(tool_name=tool.name, arguments=arguments)
    return Step(thought=f"I'll call {tool.name} with what you wrote.", call=call)


def _arguments(spelled: str) -> GivenArguments | None:
    try:
        args = json.loads(spelled or "{}")
    except (ValueError, RecursionError):
        return None
    return GivenArguments(args) if isinstance(args, dict) else None


def _rows(tools: Iterable[Tool]) -> str:
    rows = [
        (f"`{tool.name}`", cell(tool.description), "yes" if tool.approval else "no")
        for tool in tools
    ]
    return table(("Tool", "What it does", "Asks you first"), rows, left=(0, 1, 2))


def _result(part: ToolReturnPart) -> str:
    if part.outcome != "success":
        return str(part.content)
    answer = parsed(ServerAnswer, part)
    if answer is None:
        return "The tool's result is not one that I can read."
    data = "" if answer.data is None else json.dumps(answer.data, indent=2, ensure_ascii=False)
    shown = "\n".join(text for text in (answer.text, data) if text) or "(nothing)"
    cut = "\n\nThe tool's card has the rest." if len(shown) > SHOWN_CHARS_MAX else ""
    return f"It returned:\n\n{_verbatim(shown[:SHOWN_CHARS_MAX])}{cut}"


def _verbatim(text: str) -> str:
    """Words of a server as words: nothing in them is Markdown here."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
