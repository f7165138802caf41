"""A server of tools made with the reference SDK: a process of its own, over HTTP or its pipes.

    with mcp_over_http() as url: ...

`COMMAND` is its command line for the pipes. Its tools are as bad as servers' tools get.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ImageContent, TextContent, ToolAnnotations

COMMAND = (sys.executable, str(Path(__file__).absolute()))
KEY_HEADER = "x-key"

server = MCPServer("fake", log_level="ERROR")
calls: list[str] = []


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def note(text: str) -> str:
    """Keep a note; tells how many there are."""
    calls.append(text)
    return f"{len(calls)} kept, the last one: {text}"


@server.tool()
async def walk(steps: int, ctx: Context) -> str:
    """Walk, and tell each step."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step}")
        await asyncio.sleep(0.2)  # a step that comes with the end is not told
    return "there"


@server.tool()
def refuse(why: str) -> str:
    """Refuse."""
    raise ToolError(f"refused: {why}")


@server.tool()
async def sleep(seconds: float) -> str:
    """Sleep."""
    await asyncio.sleep(seconds)
    return "awake"


@server.tool()
def huge(chars: int) -> list[TextContent | ImageContent]:
    """Say much."""
    picture = ImageContent(type="image", data="aGVsbG8=", mime_type="image/png")
    return [TextContent(type="text", text="x" * chars), picture]


@server.tool()
def crash() -> str:
    """End the server in the middle of the call."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@server.tool(name="odd.name/for a tool")
def odd() -> str:
    """Have a name that no model provider takes."""
    return "odd"


@contextmanager
def mcp_over_http(port: int = 0) -> Iterator[tuple[str, Popen[str]]]:
    """The address of a new server, and its process."""
    process = Popen([*COMMAND, str(port)], stdout=PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _serve_http(port: int) -> None:
    listening = socket.create_server(("127.0.0.1", port))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
    app = server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([listening])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _serve_http(int(sys.argv[1]))
    else:
        server.run("stdio")
