"""Which tools of a server are offered, and under which names."""

from typing import Any

import mcp_types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.agents.mcp.listing import NAME_CHARS_MAX, SCHEMA_CHARS_MAX, listing_of, offered_name

NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
SCHEMAS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"type": "object"}, True),
    ({"type": "object", "properties": {"$ref": {"type": "string"}}}, True),
    ({**NODE, "$defs": {"Node": NODE}}, True),
    (NODE, False),
    ({"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}}, False),
    ({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}, False),
    ({"type": "object", "properties": {"a": {"type": "nonsense"}}}, False),
    ({"type": "object", "description": "x" * SCHEMA_CHARS_MAX}, False),
    ({"type": "array"}, False),
    ({}, False),
)


class Pages:
    """A server's lists, as the client of the SDK gives them."""

    def __init__(self, *pages: list[mcp_types.Tool]) -> None:
        self.pages = pages

    async def list_tools(self, cursor: str | None = None) -> mcp_types.ListToolsResult:
        number = int(cursor or 0)
        after = str(number + 1)
        return mcp_types.ListToolsResult(
            tools=self.pages[number % len(self.pages)], next_cursor=after
        )


def tool(name: str, schema: dict[str, Any] | None = None) -> mcp_types.Tool:
    return mcp_types.Tool(name=name, input_schema=schema or {"type": "object"})


@pytest.mark.asyncio
@pytest.mark.parametrize(("schema", "usable"), SCHEMAS)
async def test_a_tool_is_offered_whose_arguments_can_be_checked(
    schema: dict[str, Any], usable: bool
) -> None:
    one = mcp_types.Tool(name="one", input_schema=schema)
    listing = await listing_of(Pages([one]))  # type: ignore[arg-type]  # of the client only this
    assert [it.name for it in listing.tools] == ["one"] * usable


@pytest.mark.asyncio
async def test_a_list_without_an_end_is_cut() -> None:
    pages = Pages([tool(f"tool_{number}") for number in range(100)])
    listing = await listing_of(pages)  # type: ignore[arg-type]  # of the client only this
    assert (len(listing.tools), listing.left_out) == (64, 1000 - 64)


SERVERS = st.from_regex(r"\A[a-z][a-z0-9]{0,19}\Z")
TOOLS = st.text(min_size=1, max_size=128) | st.from_regex(r"\A[A-Za-z0-9_-]{1,128}\Z")


@given(first=st.tuples(SERVERS, TOOLS), second=st.tuples(SERVERS, TOOLS))
def test_no_two_tools_have_one_name(first: tuple[str, str], second: tuple[str, str]) -> None:
    names = [offered_name(*first), offered_name(*second)]
    assert (names[0] == names[1]) == (first == second)
    for name in names:
        assert 0 < len(name) <= NAME_CHARS_MAX
        assert name.isascii()
        assert name.replace("_", "").replace("-", "").isalnum()
