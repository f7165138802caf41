"""The real AG-UI client from npm, in a process of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tools import node

SCRIPT: Final = Path(__file__).with_suffix(".mjs")
ANSWERED_WITHIN_S: Final = 30.0
LINE_BYTES_MAX: Final = 2**22


class AguiClient:
    """Runs of agents that are known by a name, one run after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, agent: str, **wanted: Any) -> dict[str, Any]:
        """What came of a run: {error, events, warnings, messages, interrupts}."""
        await self.begin(agent, **wanted)
        return await self.done()

    async def begin(self, agent: str, **wanted: Any) -> None:
        assert self._process.stdin is not None
        line = json.dumps({"agent": agent, **wanted})
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def event(self, name: str) -> dict[str, Any]:
        """The next event with this type, or custom name, of the run that is under way."""
        while True:
            told = await self._told()
            event: dict[str, Any] = told["event"]
            if name in (event["type"], event.get("name")):
                return event

    async def done(self) -> dict[str, Any]:
        while True:
            told = await self._told()
            if "done" in told:
                done: dict[str, Any] = told["done"]
                assert done["warnings"] == []
                return done

    async def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            line = await self._process.stdout.readline()
        told: dict[str, Any] = json.loads(line)
        return told


@asynccontextmanager
async def agui_client() -> AsyncIterator[AguiClient]:
    await asyncio.to_thread(node.install_packages)
    process = await asyncio.create_subprocess_exec(
        node.node(),
        SCRIPT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    try:
        yield AguiClient(process)
    finally:
        process.kill()
        await process.wait()
