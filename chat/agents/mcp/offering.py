"""The tools of servers as tools of ours: what the user's plan gives them, and how one is called."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final, Self

import mcp_types
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from mcp.client import Client
from pydantic import BaseModel, JsonValue, RootModel, model_validator
from pydantic_core import PydanticCustomError
from referencing import Registry

from accounts.models import User
from billing.selectors import entitlements_of
from billing.tiers import Tier
from chat.agents.mcp.asking import ServerFault, ask
from chat.agents.tools.registry import COMPLAINTS_MAX, Tool, ToolCall, ToolFault
from chat.mcp_rows import McpServer, McpTool

# Providers take 128 at most, and we have some of our own.
TOOLS_MAX: Final = 100
# About 12 000 tokens: more would push the conversation out of a model's sight.
TEXT_BYTES_MAX: Final = 48 * 1024
COMPLAINT_CHARS_MAX: Final = 200
REFUSAL_CHARS_MAX: Final = 500
# Each report is a row of the log, and a server may send thousands.
PROGRESS_MAX: Final = 100
PROGRESS_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The tools of servers that a run has, by name; `away` names servers that do not answer."""

    tools: Mapping[str, Tool]
    away: Sequence[str]

    @property
    def note(self) -> str:
        """What its user reads where a server is away."""
        if not self.away:
            return ""
        return f"The tools of {' and '.join(self.away)} are away at the moment."


class ServerAnswer(BaseModel):
    """What a server's tool returned; `left_out` tells what of it is not here."""

    text: str
    data: JsonValue = None
    left_out: list[str] = []


class ServerArguments(RootModel[dict[str, JsonValue]]):
    """Arguments that a server described by a JSON schema."""

    described: ClassVar[dict[str, Any]]
    validator: ClassVar[Validator]

    @model_validator(mode="after")
    def _conforms(self) -> Self:
        complaints = [
            f"{error.json_path.removeprefix('$').lstrip('.') or 'all'}: {error.message}"
            for error, _ in zip(
                self.validator.iter_errors(self.root), range(COMPLAINTS_MAX), strict=False
            )
        ]
        if complaints:
            told = "; ".join(complaint[:COMPLAINT_CHARS_MAX] for complaint in complaints)
            raise PydanticCustomError("schema", "{told}", {"told": told})
        return self

    @classmethod
    def model_json_schema(cls, *_: Any, **_options: Any) -> dict[str, Any]:
        return cls.described


def connected_tools(user_id: int, *, resumes: bool) -> Connected:
    """What a run of the user is given; one that resumes also has what is away, to fail by name."""
    listed = McpTool.objects.filter(is_enabled=True, is_listed=True, server__is_enabled=True)
    rows = list(listed.select_related("server")[: 2 * TOOLS_MAX])
    if not rows:
        return Connected(tools={}, away=())
    # Most servers are for everybody: these ask no further.
    is_for_all = all(row.server.lowest_tier == Tier.FREE.value for row in rows)
    tier = Tier.FREE if is_for_all else entitlements_of(User.objects.get(pk=user_id)).tier
    allowed = [row for row in rows if Tier(row.server.lowest_tier) <= tier]
    there = [row for row in allowed if resumes or row.server.is_well]
    return Connected(
        tools={row.offered_as: _tool(row) for row in there[:TOOLS_MAX]},
        away=sorted({row.server.name for row in allowed if not row.server.is_well}),
    )


def _tool(row: McpTool) -> Tool:
    return Tool(
        name=row.offered_as,
        description=row.description,
        function=_function(row.server, row.name),
        arguments=_arguments(row.schema),
        timeout_s=row.server.timeout_s,
        # What only reads may run again, if the operator believes what the server says of itself.
        replayable=row.is_read_only and row.server.trusts_hints,
        approval=row.needs_approval,
    )


@lru_cache(maxsize=512)
def _arguments(schema: str) -> type[ServerArguments]:
    described = json.loads(schema)
    # A registry of its own: the default one fetches references from the network.
    validator = validator_for(described)(described, registry=Registry())
    return type("Arguments", (ServerArguments,), {"described": described, "validator": validator})


def _function(
    server: McpServer, name: str
) -> Callable[[ToolCall, ServerArguments], Awaitable[ServerAnswer]]:
    async def run(call: ToolCall, arguments: ServerArguments) -> ServerAnswer:
        async def call_it(client: Client) -> mcp_types.CallToolResult:
            return await client.call_tool(name, arguments.root, progress_callback=_Progress(call))

        try:
            result = await ask(server, call_it)
        except ServerFault as fault:
            told = f"The tool server {server.name} failed: {fault.told}"
            raise ToolFault("server_failed", told) from None
        if result.is_error:
            said = " ".join(_text_of(result).split())[:REFUSAL_CHARS_MAX]
            told = f"{server.name} refused the call: {said or 'it did not say why.'}"
            raise ToolFault("server_refused", told)
        return _answer_of(result)

    return run


class _Progress:
    """Passes reports of a server on, as many as a person would read."""

    def __init__(self, call: ToolCall) -> None:
        self._call = call
        self._left = PROGRESS_MAX
        self._last_s = -PROGRESS_EVERY_S

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        now_s = time.monotonic()
        is_last = total is not None and progress >= total
        if not self._left or (now_s - self._last_s < PROGRESS_EVERY_S and not is_last):
            return
        self._left -= 1
        self._last_s = now_s
        counted = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
        await self._call.progress(message or counted)


def _answer_of(result: mcp_types.CallToolResult) -> ServerAnswer:
    text, data = _text_of(result), result.structured_content
    left_out = [_named(part) for part in result.content if not _is_text(part)]
    if data is not None and _says_the_same(text, data):
        data = None
    if data is not None and (length := len(json.dumps(data))) > TEXT_BYTES_MAX:
        left_out.append(f"data of {length // 1024} KiB, more than may be returned")
        data = None
    kept = _cut(text)
    if len(kept) < len(text):
        left_out.append(f"the text after its first {len(kept)} of {len(text)} characters")
    return ServerAnswer(text=kept, data=data, left_out=left_out[:10])


def _text_of(result: mcp_types.CallToolResult) -> str:
    return "\n".join(_words(part) for part in result.content if _is_text(part))


def _is_text(part: mcp_types.ContentBlock) -> bool:
    return bool(_words(part))


def _words(part: mcp_types.ContentBlock) -> str:
    match part:
        case mcp_types.TextContent(text=text):
            return text
        case mcp_types.EmbeddedResource(resource=mcp_types.TextResourceContents(text=text)):
            return text
        case mcp_types.ResourceLink(uri=uri, name=name):
            return f"{name}: {uri}"
        case _:
            return ""


def _named(part: mcp_types.ContentBlock) -> str:
    """What a part is that cannot be told in words."""
    match part:
        case mcp_types.ImageContent(mime_type=kind) | mcp_types.AudioContent(mime_type=kind):
            return kind
        case _:
            return part.type


def _says_the_same(text: str, data: Any) -> bool:
    """Whether a text is only what the data says: servers send both, for clients of either kind."""
    if data == {"result": text}:
        return True
    try:
        told = json.loads(text)
    except ValueError:
        return False
    return bool(told == data or data == {"result": told})


def _cut(text: str) -> str:
    """As much of a text as may be returned, by its length in JSON."""
    while (length := len(json.dumps(text))) > TEXT_BYTES_MAX:
        text = text[: len(text) * TEXT_BYTES_MAX // length]
    return text
