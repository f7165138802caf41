"""A page without a screen in a process of its own: the browser's modules on a real socket."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.js.test_modules import NODE

PROGRAM: Final = Path(__file__).with_name("resume_client.mjs")
ANSWERS_WITHIN_S: Final = 20.0
# What it tells is one line, with all that it has applied.
LINE_BYTES_MAX: Final = 16 * 1024 * 1024

Told = dict[str, Any]


class Page:
    """What a person does with the page, and what it shows."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def open(self, thread_id: str | None) -> None:
        """Show a thread, or a new one for None; a send goes there."""
        await self._do(do="open", thread_id=thread_id)

    async def send(self, text: str) -> None:
        await self._do(do="send", text=text)

    async def wake(self) -> None:
        """What a network that is back does to a page."""
        await self._do(do="wake")

    async def tell(self) -> Told:
        """Its connection, its thread as it is shown, and what was applied to that, in order."""
        await self._do(do="tell")
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            line = await self._process.stdout.readline()
        assert line, "the page has ended; what it said is in the test's output"
        told: Told = json.loads(line)
        return told

    async def _do(self, **command: str | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def page(base_url: str, *, cookie: str, user_id: str) -> AsyncIterator[Page]:
    """A page of that user, connecting to `base_url`, on a new thread."""
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(PROGRAM), base_url, cookie, user_id),
        stdin=PIPE,
        stdout=PIPE,
        limit=LINE_BYTES_MAX,
    )
    try:
        made = Page(process)
        await made.open(None)
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
