"""Tools of real servers, over HTTP and over a program's pipes, good ones and bad ones."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import JsonValue
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pytest_django.fixtures import Settings

from accounts.models import User
from billing.tiers import Tier
from chat.agents.mcp import checks
from chat.agents.mcp.asking import ANSWER_BYTES_MAX
from chat.agents.mcp.offering import TEXT_BYTES_MAX, connected_tools
from chat.agents.tools.registry import Tool, ToolContext
from chat.agents.toolset import JournalledToolset
from chat.database import in_database
from chat.mcp_rows import McpServer, McpTool, Transport
from netra.sealed import seal
from tests.chat.agents_world import World
from tests.fakes.mcp_server import COMMAND, mcp_over_http

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]

NAMES = ["add", "crash", "huge", "note", "odd.name/for a tool", "refuse", "sleep", "walk"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with mcp_over_http() as (address, _process):
        yield address


@pytest.fixture
def http(url: str, settings: Settings) -> McpServer:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    return McpServer.objects.create(name="far", url=url, timeout_s=10)


@pytest.fixture
def program(settings: Settings) -> McpServer:
    settings.NETRA_MCP_STDIO = {"fake": COMMAND}
    return McpServer.objects.create(name="near", transport=Transport.STDIO, program="fake")


async def seen(server: McpServer) -> McpServer:
    """The server after one check."""
    await checks.check(server)
    await in_database(server.refresh_from_db)
    return server


async def tools_of(user: User) -> dict[str, Tool]:
    return dict((await in_database(connected_tools, user.pk, resumes=False)).tools)


class Caller:
    """Calls tools as a model does, through the one way around every call."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.world = World()
        # What a run has since it began; else what it would be given now.
        self.tools: Mapping[str, Tool] = {}

    async def __call__(self, name: str, **args: JsonValue) -> ToolReturnPart:
        returned: list[ToolReturnPart] = []

        def respond(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
            parts = messages[-1].parts
            returned.extend(part for part in parts if isinstance(part, ToolReturnPart))
            if returned:
                return ModelResponse(parts=[TextPart("done")])
            return ModelResponse(parts=[ToolCallPart(name, args, tool_call_id="call_1")])

        context = self.world.context()
        context.connected = self.tools or await tools_of(self.user)
        agent: Agent[ToolContext, str] = Agent(
            FunctionModel(respond), deps_type=ToolContext, toolsets=[JournalledToolset([])]
        )
        await agent.run("go", deps=context)
        return returned[0]


@pytest.fixture
def call(user: User) -> Caller:
    caller = Caller(user)
    caller.world.edits = {}
    return caller


async def test_a_check_finds_the_tools_and_asks_for_approval(http: McpServer) -> None:
    server = await seen(http)

    assert (server.is_well, server.told) == (True, "")
    assert server.latency_ms is not None
    rows = {tool.name: tool for tool in await in_database(lambda: list(McpTool.objects.all()))}
    assert sorted(rows) == NAMES
    assert rows["add"].offered_as == "far__add"
    assert (rows["add"].is_read_only, rows["note"].is_read_only) == (True, False)
    # It says itself that it only reads; nobody has said that it is to be believed.
    assert all(row.needs_approval for row in rows.values())


async def test_who_believes_a_server_lets_what_reads_run_unasked(http: McpServer) -> None:
    await in_database(McpServer.objects.update, trusts_hints=True)
    await in_database(http.refresh_from_db)
    await seen(http)

    def unasked() -> list[str]:
        return [row.name for row in McpTool.objects.filter(needs_approval=False)]

    assert await in_database(unasked) == ["add"]
    # What was allowed is not what it was: the user is asked again.
    await in_database(McpTool.objects.filter(name="add").update, description="Subtract.")
    await seen(http)
    assert await in_database(unasked) == []


async def test_tools_are_called_over_http(http: McpServer, call: Caller) -> None:
    await seen(http)

    result = await call("far__add", a=40, b=2)
    assert (result.outcome, result.content) == (
        "success",
        {"text": "42", "data": None, "left_out": []},
    )
    assert call.world.asked == [("far__add", {"a": 40, "b": 2})]

    refused = await call("far__add", a="x", b=2)
    assert "'x' is not of type 'integer'" in str(refused.content)
    assert len(call.world.asked) == 1, "nobody is asked about what could not run"

    await call("far__walk", steps=3)
    assert [text for _, text in call.world.progress] == ["step 1", "step 3"]

    refused = await call("far__refuse", why="no")
    assert str(refused.content).startswith("far refused the call:")
    assert "refused: no" in str(refused.content)

    names = await tools_of(call.user)
    [odd] = [name for name in names if "odd" in name]
    assert (await call(odd)).outcome == "success"


async def test_a_denied_call_does_not_reach_the_server(http: McpServer, call: Caller) -> None:
    await seen(http)
    call.world.edits = None
    denied = await call("far__note", text="one")
    assert "did not allow" in str(denied.content)
    call.world.edits = {"text": "two"}
    noted = await call("far__note", text="three")
    content: Any = noted.content
    assert content["text"] == "1 kept, the last one: two"


async def test_a_huge_answer_is_cut_and_a_monstrous_one_refused(
    http: McpServer, call: Caller
) -> None:
    await seen(http)
    content: Any = (await call("far__huge", chars=200_000)).content
    assert TEXT_BYTES_MAX - 10 < len(content["text"]) < TEXT_BYTES_MAX
    assert content["left_out"][0] == "image/png"
    assert "of 200000 characters" in content["left_out"][1]

    failed = await call("far__huge", chars=ANSWER_BYTES_MAX)
    assert "far failed: Its answer is too large." in str(failed.content)


async def test_a_slow_tool_ends_in_time(http: McpServer, call: Caller) -> None:
    await seen(http)
    await in_database(McpServer.objects.update, timeout_s=1)
    async with asyncio.timeout(5):
        failed = await call("far__sleep", seconds=30)
    assert "longer than 1 seconds" in str(failed.content)


async def test_a_program_is_asked_over_its_pipes_and_may_crash(
    program: McpServer, call: Caller, settings: Settings
) -> None:
    assert (await seen(program)).told == ""
    crashed = await call("near__crash")
    assert crashed.content == (
        "The tool server near failed: Its program ended in the middle of the answer."
    )
    content: Any = (await call("near__add", a=1, b=2)).content
    assert content["text"] == "3"

    settings.NETRA_MCP_STDIO = {}
    known = await in_database(connected_tools, call.user.pk, resumes=True)
    assert "does not name its program" in (await seen(program)).told
    call.tools = known.tools
    unset = await call("near__add", a=1, b=2)
    assert unset.content == "The tool server near failed: It is not set up as it must be."


async def test_a_server_that_crashes_is_away_and_comes_back(user: User, settings: Settings) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    caller = Caller(user)
    caller.world.edits = {}
    with mcp_over_http() as (url, process):
        server = await in_database(McpServer.objects.create, name="far", url=url)
        assert (await seen(server)).is_well
        crashed = await caller("far__crash")
        assert "far failed: The connection to it broke." in str(crashed.content)
        process.wait()
        assert (await seen(server)).told == "Nothing answers at its address."
    gone = await in_database(connected_tools, user.pk, resumes=False)
    assert (gone.tools, gone.note) == ({}, "The tools of far are away at the moment.")
    # A run that waited for an approval still knows the tool, whose call fails in a sentence.
    resumed = await in_database(connected_tools, user.pk, resumes=True)
    assert "far__crash" in resumed.tools
    port = int(url.rpartition(":")[2].partition("/")[0])
    with mcp_over_http(port):
        assert (await seen(server)).is_well
        assert "far__add" in await tools_of(user)


ANSWERS = (
    ("401 No", "It does not accept the key (401)."),
    ("404 Not Found", "There is no tool server at its address (404)."),
    ("500 Oops", "It answers with an error (500)."),
    ("302 Found\r\nLocation: http://169.254.169.254/", "It leads elsewhere (302)."),
    ("200 OK\r\nContent-Type: text/html", "It does not answer as a tool server does."),
)


async def test_what_is_no_server_of_tools_is_told_in_a_sentence(http: McpServer) -> None:
    heads: list[bytes] = []
    first = [""]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {first[0]}\r\nContent-Length: 2\r\n\r\nhi".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        http.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/mcp"
        http.sealed_headers = seal("Authorization: Bearer secret-7\nX-Team: a: b")
        await in_database(http.save)
        told = []
        for first[0], _ in ANSWERS:
            told.append((await seen(http)).told)
    assert told == [sentence for _, sentence in ANSWERS]
    assert b"Bearer secret-7" in heads[0]
    assert b"a: b" in heads[0]


class OlderServer:
    """A server as they were in 2025, written against the protocol: a handshake, then a session."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def result_of(self, method: str) -> dict[str, Any] | None:
        match method:
            case "initialize":
                about = {"name": "older", "version": "1"}
                return {
                    "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                    "serverInfo": about,
                }  # fmt: skip
            case "tools/list":
                return {"tools": [{"name": "now", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                return {"content": [{"type": "text", "text": "noon"}]}
            case _:
                return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1])
            for line in [*head.split("\r\n"), "content-length: 0"]
            if line.lower().startswith("content-length:")
        )
        asked = json.loads(await reader.readexactly(length) or b"{}")
        self.methods.append(asked.get("method", head.split()[0]))
        result = self.result_of(self.methods[-1])
        status, body = "202 Accepted", b""
        if result is not None:
            status = "200 OK\r\nMcp-Session-Id: s-1\r\nContent-Type: application/json"
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
        elif self.methods[-1] in ("server/discover", "GET"):
            status = "400 Bad Request"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


async def test_a_server_of_the_older_protocol_is_understood(
    user: User, settings: Settings, call: Caller
) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset({"127.0.0.1"})
    older = OlderServer()
    async with await asyncio.start_server(older.serve, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/mcp"
        server = await in_database(McpServer.objects.create, name="old", url=url, timeout_s=5)
        assert (await seen(server)).told == ""
        content: Any = (await call("old__now")).content
    assert content["text"] == "noon", older.methods
    assert older.methods[-1] == "DELETE", "its session is ended"


async def test_a_private_address_is_not_called(http: McpServer, settings: Settings) -> None:
    settings.NETRA_PRIVATE_HOSTS = frozenset()
    for url in (http.url, http.url.replace("http:", "https:"), "https://2130706433/mcp"):
        await in_database(McpServer.objects.update, url=url)
        await in_database(http.refresh_from_db)
        server = await seen(http)
        assert (server.is_well, "private" in server.told) == (False, True), server.told


async def test_a_server_is_looked_at_by_one_worker_once_a_minute(http: McpServer) -> None:
    workers = [checks.Rounds() for _ in range(3)]
    async with asyncio.timeout(30):
        while not http.is_well:
            await asyncio.gather(*(worker.check_due() for worker in workers))
            await in_database(http.refresh_from_db)
    assert http.checked_at is not None
    assert (http.check_due_at - http.checked_at).total_seconds() > 50
    await in_database(McpServer.objects.update, is_well=None)
    await workers[0].check_due()
    await in_database(http.refresh_from_db)
    assert http.is_well is None, "it was not due"


async def test_tools_are_for_plans_and_switched_off_one_by_one(http: McpServer, user: User) -> None:
    await seen(http)
    assert len(await tools_of(user)) == len(NAMES)
    await in_database(McpTool.objects.filter(name="add").update, is_enabled=False)
    assert "far__add" not in await tools_of(user)
    await in_database(McpServer.objects.update, lowest_tier=Tier.MID.value)
    assert await tools_of(user) == {}
