"""Both kinds of client seen alike: what they applied of a thread, and what they show of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from netra.client import ChatClient, Closed
from tests.js.resume_client import Page, page

# Seq, type and run of an event that was applied.
Applied = tuple[int, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a client has of a thread; runs are by id, with their status and their text."""

    thread_id: str
    seq: int
    applied: list[Applied]
    # Up to there the thread as it stood may have come in place of events; 0 when none did.
    snapshot_seq: int
    messages: list[tuple[str, str]]
    runs: dict[str, tuple[str | None, str]]


class Resuming(Protocol):
    """A client of either kind; `look` gives None while it has sends that are not answered."""

    async def ask(self, text: str) -> None: ...

    async def follow(self, thread_id: str) -> None: ...

    async def thread_id(self) -> str | None: ...

    async def wake(self) -> None: ...

    async def look(self) -> Sight | None: ...


class PageResuming:
    """The browser's own modules."""

    def __init__(self, on: Page) -> None:
        self._page = on

    async def ask(self, text: str) -> None:
        await self._page.send(text)

    async def follow(self, thread_id: str) -> None:
        await self._page.open(thread_id)

    async def thread_id(self) -> str | None:
        thread_id: str | None = (await self._page.tell())["thread"]["thread_id"]
        return thread_id

    async def wake(self) -> None:
        await self._page.wake()

    async def look(self) -> Sight | None:
        told = await self._page.tell()
        thread, applied = told["thread"], told["applied"]
        assert told["torn"] == [], f"what streamed is not what was stored: {told['torn']}"
        if thread["pending"] or thread["thread_id"] is None or thread["seq"] is None:
            return None
        snapshots = [one["snapshot"] for one in applied if "snapshot" in one]
        return Sight(
            thread_id=thread["thread_id"],
            seq=thread["seq"],
            applied=[(one["seq"], one["type"], one["run_id"]) for one in applied if "seq" in one],
            snapshot_seq=max(snapshots, default=0),
            messages=[(one["message_id"], one["text"]) for one in thread["messages"]],
            runs={run_id: (run["status"], run["text"]) for run_id, run in thread["runs"].items()},
        )


class PythonResuming:
    """`netra.client.ChatClient`, whose events a program reads as they come."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._asked: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()
        self._thread_id: str | None = None
        self._applied: list[Applied] = []
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, text: str) -> None:
        task = asyncio.create_task(self._ask(text))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _ask(self, text: str) -> None:
        async with self._opening:
            if self._thread_id is None:
                # Whoever asks next, asks in the thread that this makes.
                self._read((await self._client.send(text)).thread_id)
                return
        await self._client.send(text, thread_id=self._thread_id)

    async def follow(self, thread_id: str) -> None:
        await self._client.follow(thread_id, after_seq=0)
        self._read(thread_id)

    async def thread_id(self) -> str | None:
        return self._thread_id

    async def wake(self) -> None:
        self._client.wake()

    async def look(self) -> Sight | None:
        if self._asked or self._thread_id is None:
            return None
        thread = self._client.thread(self._thread_id)
        seqs = [event.seq for event in thread.events]
        assert seqs == list(range(thread.first_kept, (thread.seq or 0) + 1))
        run_ids = {event.run_id for event in thread.events if event.run_id is not None}
        return Sight(
            thread_id=thread.thread_id,
            seq=thread.seq or 0,
            applied=list(self._applied),
            snapshot_seq=thread.snapshot_seq or 0,
            messages=[(one.message_id, one.text) for one in thread.messages if one.role == "user"],
            runs={run_id: (thread.status_of(run_id), thread.text_of(run_id)) for run_id in run_ids},
        )

    async def close(self) -> None:
        for task in (*self._asked, *([self._reading] if self._reading else [])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _read(self, thread_id: str) -> None:
        self._thread_id = thread_id
        self._reading = self._reading or asyncio.create_task(self._read_on(thread_id))

    async def _read_on(self, thread_id: str) -> None:
        with suppress(Closed):
            async for event in self._client.events(thread_id):
                self._applied.append((event.seq, event.type, event.run_id))


@asynccontextmanager
async def resuming_page(base_url: str, *, cookie: str, user_id: str) -> AsyncIterator[Resuming]:
    async with page(base_url, cookie=cookie, user_id=user_id) as opened:
        yield PageResuming(opened)


@asynccontextmanager
async def resuming_program(base_url: str, *, cookie: str) -> AsyncIterator[Resuming]:
    async with ChatClient(base_url, cookie=cookie) as client:
        program = PythonResuming(client)
        try:
            yield program
        finally:
            await program.close()
