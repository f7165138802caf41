"""The tool behind /demo: it does nothing but show what a tool at work, or a failing one, is."""

import asyncio

from pydantic import BaseModel, ConfigDict, Field

from chat.agents.tools.registry import ToolCall, ToolFault, tool


class Demonstration(BaseModel):
    """How long the show is, and how it ends."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(default=3, ge=1, le=10)
    pause_ms: int = Field(default=500, ge=0, le=2000)
    fail: bool = False


class Demonstrated(BaseModel):
    """What was shown."""

    steps: int


@tool(replayable=True, timeout_s=25, builtin_only=True)
async def demonstrate(call: ToolCall, show: Demonstration) -> Demonstrated:
    """Show a tool at work, with progress, for the scripted demonstration."""
    for step in range(1, show.steps + 1):
        await asyncio.sleep(show.pause_ms / 1000)
        await call.progress(f"Step {step} of {show.steps}")
    if show.fail:
        raise ToolFault("demonstration", "This tool was told to fail, to show how it looks.")
    return Demonstrated(steps=show.steps)
