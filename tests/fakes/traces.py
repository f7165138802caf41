"""Tools whose effect is a line in a file, so that a test can count it; they can be held.

Imported before the agents' tools are gathered, they are offered like any other: see `worker.py`.
"""

import asyncio
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chat.agents.tools.registry import ToolCall, tool

LOOKS_EVERY_S = 0.02


class Line(BaseModel):
    """Where the line goes; a call that is held there goes on when `path`.go exists."""

    model_config = ConfigDict(extra="forbid")

    path: str
    held: Literal["before", "after"] | None = None


class Written(BaseModel):
    """How many lines there are now."""

    lines: int


@tool(replayable=False)
async def write_once(call: ToolCall, line: Line) -> Written:
    """Write a line; it must not be written twice."""
    return await _write(call, line)


@tool(replayable=True)
async def write_again(call: ToolCall, line: Line) -> Written:
    """Write a line; twice does no harm."""
    return await _write(call, line)


@tool(replayable=False, approval=True)
async def write_if_allowed(call: ToolCall, line: Line) -> Written:
    """Write a line once the user has allowed it; it must not be written twice."""
    return await _write(call, line)


async def _write(call: ToolCall, line: Line) -> Written:
    if line.held == "before":
        await _released(line)
    with Path(line.path).open("a", encoding="utf-8") as file:
        file.write(f"{call.call_id}\n")
    if line.held == "after":
        await _released(line)
    return Written(lines=len(lines_in(Path(line.path))))


async def _released(line: Line) -> None:
    while not Path(f"{line.path}.go").exists():
        await asyncio.sleep(LOOKS_EVERY_S)


def lines_in(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
