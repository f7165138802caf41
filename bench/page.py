"""The chat page in a browser: what it loads, what an answer costs, how soon keys are heard.

Its socket ends here, since a deployment speaks to browsers through a proxy with TLS, and the
frames are the bench's own; how soon a socket of Netra's is ready is another section's.
"""

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.core.management import call_command
from django.utils import timezone
from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    async_playwright,
)
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Row, Wanted, quantile
from chat import snapshots
from chat.database import in_database
from chat.models import Message, Role, Run, Thread
from chat.protocol.frames import encode
from chat.runs.lifecycle import RunState
from tools.bundle import bundle_pages

REPEATS: Final = 3
ANSWER_CHARS: Final = 22_000
PIECE_CHARS: Final = 200
# Three times as often as the server sends, and as often.
PIECE_EVERY_S: Final = (0.02, 0.06)
LONG_TURNS: Final = 1000
SCROLLED_PX: Final = 3000
SCROLLED_EVERY_S: Final = 0.02
STREAMS_AT_ONCE: Final = 3
KEYS: Final = 40
KEY_EVERY_MS: Final = 50
SETTLES_S: Final = 1.0
# What somebody reads: words, lists, code, a table; no formula, whose typesetter comes later.
SECTION: Final = """## What was found

The *first* month is **cheap**, the others are not: see `usage.csv` and [the notes](/docs).

- one of them is `gpt-4o`, which costs most
- the other one is quick, and answers in half the time

```python
def total(rows: list[dict[str, float]]) -> float:
    return sum(row["cost_usd"] for row in rows)  # in dollars
```

| model | requests | cost |
|---|--:|--:|
| gpt-4o | 1,204 | $12.50 |
| gpt-4o-mini | 9,310 | $3.20 |

"""
ANSWER: Final = (SECTION * (ANSWER_CHARS // len(SECTION) + 1))[:ANSWER_CHARS]
RUN: Final = {"run_id": "run_1_bench0", "agent_name": "assistant"}
QUESTION: Final = {
    "message_id": "msg_1_bench0", "role": "user", "text": "What was found?", "run_id": None,
    "status": "stored", "seq": 1, "ts": "2026-11-22T12:00:00.000Z",
}  # fmt: skip
# Leads the page's socket here.
LEAD: Final = """const { WebSocket } = globalThis;
globalThis.WebSocket = class extends WebSocket {
  constructor(_url, protocols) { super("ws://127.0.0.1:%d/", protocols); }
};"""
# Keeps how long each key waited until the page took it.
LISTEN: Final = """globalThis.delays = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntriesByType("event")) {
    if (entry.name === "keydown") globalThis.delays.push(entry.processingStart - entry.startTime);
  }
}).observe({ type: "event", durationThreshold: 16, buffered: true });"""

# Whether the beginning is there.
SCROLL_BACK: Final = """([px, messages]) => {
  const region = document.getElementById("conversation");
  region.scrollTop = Math.max(0, region.scrollTop - px);
  return region.scrollTop === 0 && document.querySelector(".older button").hidden &&
    document.querySelectorAll("article").length === messages;
}"""


async def rows() -> list[Row]:
    [person] = await in_database(unlimited_people, 1)
    # As a deployment sends them: bundled, compressed, under names that hold their hashes.
    await in_database(bundle_pages)
    await in_database(lambda: call_command("collectstatic", interactive=False, verbosity=0))
    with servers.web("netra") as server:
        async with _browser() as browser, _site(browser, server, person) as site:
            visits = [await _visit(site) for _ in range(REPEATS)]
            costs = [
                (every_s, [await _streamed(site, every_s) for _ in range(REPEATS)])
                for every_s in PIECE_EVERY_S
            ]
            delays = [await _typed(site) for _ in range(REPEATS)]
            backs = [await _read_back(site) for _ in range(REPEATS)]
    return [
        Row(
            name="first load of the page, compressed", unit="KB",
            netra=[loaded / 1000 for loaded, _ in visits],
            wanted=(Wanted(bound="most", value=150),),
        ),
        Row(
            name="from its address to a page that takes input", unit="ms",
            netra=[ready for _, ready in visits],
            wanted=(Wanted(bound="most", value=1000),),
        ),
        *(
            Row(
                name=f"main thread for an answer of 22 KB, a piece every {1000 * every_s:.0f} ms",
                unit="ms", netra=each, wanted=(Wanted(bound="most", value=300),),
            )
            for every_s, each in costs
        ),
        Row(
            name=f"a key waits while {STREAMS_AT_ONCE} answers stream, p95", unit="ms",
            netra=delays, wanted=(Wanted(bound="most", value=100),),
        ),
        *_rows_of_a_long_thread(backs),
    ]  # fmt: skip


def _rows_of_a_long_thread(backs: Sequence["Back"]) -> list[Row]:
    return [
        Row(
            name="a thread of 2,000 messages is opened", unit="ms",
            netra=[back.opened_ms for back in backs],
        ),
        Row(
            name="main thread for each message that is scrolled back over", unit="ms",
            netra=[back.message_ms for back in backs],
        ),
        Row(
            name="size of the page at its beginning", unit="elements",
            netra=[back.elements for back in backs],
        ),
        Row(
            name="main thread for a key there", unit="ms", netra=[back.key_ms for back in backs],
        ),
    ]  # fmt: skip


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    async with async_playwright() as playwright:
        # No sandbox: those who measure in a container are root.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


class FarEnd:
    """What the pages speak to, instead of Netra's own sockets."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._followers: dict[str, ServerConnection] = {}
        self.snapshots: dict[str, Any] = {}

    async def take(self, connection: ServerConnection) -> None:
        """Greet a page and give it the thread that it asks for."""
        for frame in _greeting(self._person):
            await connection.send(json.dumps(frame))
        async for text in connection:
            frame = json.loads(text)
            if frame["type"] == "subscribe":
                self._followers[frame["thread_id"]] = connection
                snapshot = self.snapshots.get(frame["thread_id"]) or _snapshot(frame["thread_id"])
                await connection.send(json.dumps(snapshot))
            elif frame["type"] == "ping":
                await connection.send(json.dumps({"type": "pong", "heads": {}}))

    async def stream(self, thread_id: str, every_s: float) -> None:
        """Let the answer of a thread grow, piece by piece."""
        for offset, text in _pieces():
            delta = {
                "type": "delta", "thread_id": thread_id, "run_id": RUN["run_id"], "attempt": 1,
                "offset": offset, "text": text,
            }  # fmt: skip
            await self._followers[thread_id].send(json.dumps(delta))
            await asyncio.sleep(every_s)


@dataclass(frozen=True, slots=True)
class Site:
    """Netra's pages in a browser, with a far end of ours."""

    browser: Browser
    url: str
    person: Person
    far: FarEnd
    lead: str

    @asynccontextmanager
    async def profile(self) -> AsyncIterator[BrowserContext]:
        """A browser that has never been here, of somebody who is signed in."""
        # What the proxy in front of a deployment says; the far end is another origin.
        headers = {"X-Forwarded-Proto": "https"}
        context = await self.browser.new_context(extra_http_headers=headers, bypass_csp=True)
        name, _, value = self.person.cookie.partition("=")
        await context.add_cookies([{"name": name, "value": value, "url": self.url}])
        await context.add_init_script(self.lead)
        try:
            yield context
        finally:
            await context.close()

    async def follow(self, page: Page, thread_id: str = "") -> None:
        """Open a page, with a thread whose one question is being answered."""
        await page.goto(f"{self.url}/chat/{thread_id}/" if thread_id else f"{self.url}/chat/")
        await page.locator('#connection[data-status="ready"]').wait_for()


@asynccontextmanager
async def _site(browser: Browser, server: Server, person: Person) -> AsyncIterator[Site]:
    far = FarEnd(person)
    log = logging.getLogger("bench.page")
    log.setLevel(logging.WARNING)
    netra_v1 = [Subprotocol("netra.v1")]
    async with serve(far.take, "127.0.0.1", 0, subprotocols=netra_v1, logger=log) as sockets:
        [socket] = sockets.sockets
        url = f"http://127.0.0.1:{server.port}"
        yield Site(browser, url, person, far, LEAD % socket.getsockname()[1])


async def _visit(site: Site) -> tuple[float, float]:
    """Bytes of a first visit, and milliseconds from its beginning until the page is ready."""
    async with site.profile() as context:
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        await devtools.send("Network.enable")
        sizes: list[float] = []
        devtools.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
        await site.follow(page)
        ready: float = await page.evaluate("performance.now()")
        await asyncio.sleep(SETTLES_S)
        return sum(sizes), ready


async def _streamed(site: Site, every_s: float) -> float:
    """Milliseconds of the main thread while one answer streams, without what an idle page takes."""
    async with site.profile() as context:
        page = await context.new_page()
        thread = await in_database(site.person.new_thread)
        await site.follow(page, thread.public_id)
        devtools = await context.new_cdp_session(page)
        # Its own time on a core, which other programs of the machine do not lengthen.
        await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        took_s = every_s * len(ANSWER) / PIECE_CHARS
        await asyncio.sleep(SETTLES_S)
        idle = await _busy_s(devtools)
        await asyncio.sleep(took_s)
        begun = await _busy_s(devtools)
        await site.far.stream(thread.public_id, every_s)
        await asyncio.sleep(SETTLES_S / 2)
        return 1000 * (await _busy_s(devtools) - begun - (begun - idle))


async def _typed(site: Site) -> float:
    """Milliseconds that a key waits in one of several windows, in each of which an answer grows."""
    async with site.profile() as context:
        await context.add_init_script(LISTEN)
        threads = []
        for _ in range(STREAMS_AT_ONCE):
            page = await context.new_page()
            threads.append(await in_database(site.person.new_thread))
            await site.follow(page, threads[-1].public_id)
        every_s = PIECE_EVERY_S[0]
        growing = [
            asyncio.create_task(site.far.stream(each.public_id, every_s)) for each in threads
        ]
        await page.locator("#message").press_sequentially("x" * KEYS, delay=KEY_EVERY_MS)
        await asyncio.gather(*growing)
        delays: list[float] = await page.evaluate("delays")
    # Of keys that are heard within a frame the browser tells nothing.
    return quantile(delays + [0.0] * (KEYS - len(delays)), 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What reading a long thread back to its beginning was like."""

    opened_ms: float
    message_ms: float
    elements: float
    key_ms: float


async def _read_back(site: Site) -> Back:
    """Open a long thread and scroll through all of it, as fast as its older messages come."""
    thread = await in_database(_long_thread, site.person)
    snapshot = await in_database(lambda: encode(snapshots.snapshot(thread=thread.pk)))
    site.far.snapshots[thread.public_id] = json.loads(snapshot)
    async with site.profile() as context:
        page = await context.new_page()
        await page.goto(f"{site.url}/chat/{thread.public_id}/")
        await page.locator("article").last.wait_for()
        opened_ms: float = await page.evaluate("performance.now()")
        devtools = await context.new_cdp_session(page)
        await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        await asyncio.sleep(SETTLES_S)
        begun = await _busy_s(devtools)
        while not await page.evaluate(SCROLL_BACK, [SCROLLED_PX, 2 * LONG_TURNS]):
            await asyncio.sleep(SCROLLED_EVERY_S)
        read = await _busy_s(devtools)
        await asyncio.sleep(SETTLES_S)
        before = await _busy_s(devtools)
        await page.locator("#message").press_sequentially("x" * KEYS, delay=KEY_EVERY_MS)
        keyed = await _busy_s(devtools)
        return Back(
            opened_ms=opened_ms,
            message_ms=1000 * (read - begun) / (2 * LONG_TURNS),
            elements=await page.evaluate("document.getElementsByTagName('*').length"),
            key_ms=1000 * (keyed - before) / KEYS,
        )


def _long_thread(person: Person) -> Thread:
    thread = person.new_thread()
    whose = {"thread": thread, "user": person.user}
    end: Run | None = None
    for number in range(1, LONG_TURNS + 1):
        asked = Message.objects.create(
            role=Role.USER, text=f"question {number}", seq=2 * number - 1, after=end, **whose
        )
        end = Run.objects.create(
            question=asked, state=RunState.COMPLETED, ended_at=timezone.now(), **whose
        )
        Message.objects.create(role=Role.ASSISTANT, text=SECTION, seq=2 * number, run=end, **whose)
    Thread.objects.filter(pk=thread.pk).update(tip=end, head=2 * LONG_TURNS)
    return thread


def _greeting(person: Person) -> Iterator[dict[str, Any]]:
    limits = {"frame": 65_536, "text": 10_000}
    yield {"type": "welcome", "connection_id": "conn_1_bench0", "limits": limits, "heartbeat_s": 25}
    yield {
        "type": "ready", "user": {"user_id": person.user.public_id, "email": person.user.email},
        "entitlements": {}, "limits": limits, "active_runs": [],
        "services": {"database": True, "bus": True, "runs": True},
    }  # fmt: skip


def _snapshot(thread_id: str) -> dict[str, Any]:
    active = {**RUN, "question_id": QUESTION["message_id"], "status": "running", "attempt": 1}
    return {
        "type": "snapshot", "thread_id": thread_id, "seq": 2, "messages": [QUESTION],
        "active_run": {**active, "started_at": None, "thinking": "", "tool_calls": []},
        "queued_runs": [], "more": False, "usage": {}, "model": None, "tip": None,
    }  # fmt: skip


def _pieces() -> Iterator[tuple[int, str]]:
    for offset in range(0, len(ANSWER), PIECE_CHARS):
        yield offset, ANSWER[offset : offset + PIECE_CHARS]


async def _busy_s(devtools: CDPSession) -> float:
    answer = await devtools.send("Performance.getMetrics")
    metrics: dict[str, float] = {each["name"]: each["value"] for each in answer["metrics"]}
    return metrics["TaskDuration"]
