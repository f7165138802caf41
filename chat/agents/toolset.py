"""The one place where agents run tools: every call passes through `ToolContext.around`."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, JsonValue, TypeAdapter
from pydantic_ai import RunContext, ToolDefinition, ToolFailed
from pydantic_ai.messages import ToolCallPart, UserPromptPart
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator

from chat.agents.tools.registry import Call, Tool, ToolCall, ToolContext, ToolFault

# Model and event log both carry the result: more than this helps neither.
RESULT_BYTES_MAX = 96 * 1024

# Malformed JSON is sent back to the model this many times before the run fails.
MALFORMED_RETRIES = 2

# Arguments are checked inside the call, so that a wrong one is seen as an executed, failed call.
_ANY_OBJECT = SchemaValidator(TypeAdapter(dict[str, JsonValue]).core_schema)


class JournalledToolset(AbstractToolset[ToolContext]):
    """Offers registered tools and those of the run to an agent; each call runs in `around`."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        # Once: the JSON schemas would else be a fifth of what a short run computes.
        self._offers = {tool.name: self._offered(tool) for tool in tools}

    @property
    def id(self) -> str | None:
        return "netra"

    async def get_tools(self, ctx: RunContext[ToolContext]) -> dict[str, ToolsetTool[ToolContext]]:
        connected = ctx.deps.connected
        return self._offers | {name: self._offered(tool) for name, tool in connected.items()}

    def _offered(self, tool: Tool) -> ToolsetTool[ToolContext]:
        definition = ToolDefinition(
            name=tool.name,
            description=tool.description,
            parameters_json_schema=tool.arguments.model_json_schema(),
            # One at a time: the event log then reads executing, completed, executing, completed.
            sequential=True,
        )
        return ToolsetTool(
            toolset=self,
            tool_def=definition,
            max_retries=MALFORMED_RETRIES,
            args_validator=_ANY_OBJECT,
        )

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[ToolContext],
        tool: ToolsetTool[ToolContext],
    ) -> JsonValue:
        call_id = _id_of(ctx)
        registered = self._tools.get(name) or ctx.deps.connected[name]
        call = _bound(registered, ToolCall(call_id=call_id, context=ctx.deps), tool_args)
        try:
            if registered.approval:
                # Nobody is asked to approve what could not run.
                registered.checked(tool_args)
            return await ctx.deps.around(call_id, registered, tool_args, call)
        except ToolFault as fault:
            # The model reads the sentence and the run goes on.
            raise ToolFailed(fault.message) from None


def _id_of(ctx: RunContext[ToolContext]) -> str:
    """The id of a call within its run, the same in each attempt.

    Some providers count anew with each answer: another call with an id that was used before is not
    the one that the journal knows.
    """
    if ctx.tool_call_id is None:
        raise RuntimeError(f"the call of {ctx.tool_name} has no id")
    used = 0
    for message in reversed(ctx.messages):
        if any(isinstance(part, UserPromptPart) for part in message.parts):
            break
        calls = (part for part in message.parts if isinstance(part, ToolCallPart))
        used += any(call.tool_call_id == ctx.tool_call_id for call in calls)
    return ctx.tool_call_id if used <= 1 else f"{ctx.tool_call_id}~{used}"


def _bound(tool: Tool, call: ToolCall, args: dict[str, JsonValue]) -> Call:
    async def run() -> JsonValue:
        # Read when it runs, not before: whoever approves a call may edit them.
        return _as_json(tool, await tool.function(call, tool.checked(args)))

    return run


def _as_json(tool: Tool, result: BaseModel) -> JsonValue:
    value: JsonValue = result.model_dump(mode="json")
    if len(json.dumps(value)) > RESULT_BYTES_MAX:
        raise ToolFault("result_too_large", f"The tool {tool.name} found more than it may return.")
    return value
