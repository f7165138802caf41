"""What a server says it offers, taken only as far as models can use it."""

import json
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

import mcp_types
from jsonschema import SchemaError
from jsonschema.validators import validator_for
from mcp.client import Client
from msgspec import Struct

TOOLS_MAX: Final = 64
PAGES_MAX: Final = 10
DESCRIPTION_CHARS_MAX: Final = 4000
SCHEMA_CHARS_MAX: Final = 16_000
# What providers take as the name of a tool.
NAME_CHARS_MAX: Final = 64
_TAKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
_NOT_TAKEN: Final = re.compile(r"[^A-Za-z0-9_-]")
_HASH_CHARS: Final = 8


class ListedTool(Struct, frozen=True, kw_only=True):
    """A tool as its server describes it, `schema` in JSON."""

    name: str
    description: str
    schema: str
    is_read_only: bool


class Listing(Struct, frozen=True, kw_only=True):
    """The tools of a server that can be offered, and how many cannot."""

    tools: Sequence[ListedTool]
    left_out: int


async def listing_of(client: Client) -> Listing:
    """All that the server lists, a bounded number of pages and tools of it."""
    listed: list[mcp_types.Tool] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        listed += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    usable = {tool.name: tool for tool in listed if _is_usable(tool)}
    kept = list(usable.values())[:TOOLS_MAX]
    return Listing(tools=[_listed(tool) for tool in kept], left_out=len(listed) - len(kept))


def offered_name(server: str, tool: str) -> str:
    """How models call a tool: no two of a deployment have the same.

    A name that no provider takes is spelled otherwise, with a hash of what it was.
    """
    name = f"{server}__{tool}"
    if len(name) <= NAME_CHARS_MAX and _TAKEN.fullmatch(tool):
        return name
    told_apart = sha256(tool.encode()).hexdigest()[:_HASH_CHARS]
    begin = _NOT_TAKEN.sub("_", name)[: NAME_CHARS_MAX - _HASH_CHARS - 1]
    return f"{begin}_{told_apart}"


def _listed(tool: mcp_types.Tool) -> ListedTool:
    hints = tool.annotations
    described = tool.description or tool.title or tool.name
    return ListedTool(
        name=tool.name,
        description=described[:DESCRIPTION_CHARS_MAX],
        schema=json.dumps(tool.input_schema),
        is_read_only=hints is not None and hints.read_only_hint is True,
    )


def _is_usable(tool: mcp_types.Tool) -> bool:
    schema = tool.input_schema
    if not 0 < len(tool.name) <= 128 or schema.get("type") != "object":
        return False
    if len(json.dumps(schema)) > SCHEMA_CHARS_MAX:
        return False
    if not all(_is_in(schema, ref) for ref in _references(schema)):
        return False
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError:
        return False
    return True


def _references(schema: Any) -> Iterator[Any]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef"):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _is_in(schema: dict[str, Any], ref: Any) -> bool:
    """Whether a reference names a definition of this very schema: nobody fetches any other."""
    if not isinstance(ref, str):
        # A property of that name, and no reference.
        return True
    head, _, name = ref.removeprefix("#/").partition("/")
    definitions = schema.get(head) if head in ("$defs", "definitions") else None
    return isinstance(definitions, dict) and name in definitions
