"""Debian's chromium, and tabs that keep a record of what was to be seen and what went wrong."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    WebSocketRoute,
    async_playwright,
    expect,
)

from tests.servers import Servers

# The same engine without a window: a page costs it half.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
# All browser journeys share one event loop, since they share one browser. `django_db` makes sure of
# the test database; what the servers write there stays until the site closes.
BROWSER_JOURNEY = [
    pytest.mark.browser,
    pytest.mark.django_db,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="session"),
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A generous limit, so that a slow machine fails no journey.
HAPPENS_WITHIN_MS = 30_000
expect.set_options(timeout=HAPPENS_WITHIN_MS)
AT_END_PX = 8  # fractions of a pixel add up
# What the network itself says in the console when a server has been killed.
NO_SERVER = re.compile(
    r"WebSocket connection to .* failed|net::ERR_(CONNECTION|EMPTY|SOCKET|INTERNET)"
)
# Keeps each state the page was seen in, also those too short to be met by asking.
WITNESS = """
globalThis.witnessed = { status: [], thinking: [], card: [], length: [] };
const seen = (name, value) => {
  const values = globalThis.witnessed[name];
  if (value !== undefined && values.at(-1) !== value) values.push(value);
};
new MutationObserver(() => {
  seen("status", document.getElementById("connection")?.textContent.trim());
  seen("thinking", document.querySelector(".thinking:not([hidden])")?.dataset.active);
  seen("card", document.querySelector(".tool-card")?.dataset.status);
  seen("length", document.querySelector(".message--assistant .prose")?.textContent.length);
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
"""
# What the page makes of an answer's text, put together outside of the conversation.
RENDER = """async (text) => {
  const { renderMarkdown } = await import("/static/chat/markdown.js");
  const target = document.createElement("div");
  renderMarkdown(target, text);
  return target.innerHTML;
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Tab:
    """The chat page as a person meets it: by names and roles."""

    page: Page
    servers: Servers = field(repr=False)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(HAPPENS_WITHIN_MS)
        self.page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        self.page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        # Whatever a page loads while a journey has taken its network away.
        if "ERR_INTERNET_DISCONNECTED" in message.text:
            return
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def forgive(self, pattern: re.Pattern[str]) -> None:
        """Take faults off the record that the test has caused itself."""
        self.faults[:] = [fault for fault in self.faults if not pattern.search(fault)]

    async def go(self, path: str = "/chat/") -> None:
        await self.page.goto(f"{self.servers.base_url}{path}")

    async def chat(self, path: str = "/chat/") -> None:
        """Go to the chat page and wait until it is ready."""
        await self.go(path)
        await self.expect_status("ready")

    @property
    def message(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def status(self) -> Locator:
        return self.page.get_by_role("status", name="Connection")

    @property
    def conversation(self) -> Locator:
        return self.page.get_by_role("region", name="Conversation")

    @property
    def questions(self) -> Locator:
        return self.conversation.get_by_role("article", name="You")

    @property
    def answers(self) -> Locator:
        return self.conversation.get_by_role("article", name="Assistant")

    @property
    def threads(self) -> Locator:
        return self.page.get_by_role("navigation", name="Threads").get_by_role("link")

    @property
    def thread_id(self) -> str:
        return self.page.url.rstrip("/").rpartition("/")[2]

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def ask(self, text: str) -> None:
        await self.message.fill(text)
        await self.button("Send").click()

    async def expect_status(
        self, word: Literal["connecting", "connected", "ready", "degraded", "offline"]
    ) -> None:
        await expect(self.status).to_have_text(word)

    async def expect_text(self, chars: int) -> str:
        """Wait until the last answer shows at least this many characters; gives them."""
        text = self.answers.last.locator(".prose")
        await expect(text).to_have_text(re.compile(rf".{{{chars},}}", re.DOTALL))
        return await text.inner_text()

    async def expect_end(self) -> None:
        """Wait until the last answer has ended."""
        await expect(self.answers.last).to_have_attribute("aria-busy", "false")

    async def shown(self) -> list[str]:
        """The markup of each answer's text."""
        return [await each.inner_html() for each in await self.answers.locator(".prose").all()]

    async def rendered(self, text: str) -> str:
        """The markup that the page makes of `text`."""
        html: str = await self.page.evaluate(RENDER, text)
        return html

    async def expect_at_end(self) -> None:
        """The newest line of the conversation is on the screen."""
        to_go = await self.conversation.evaluate(
            "(region) => region.scrollHeight - region.scrollTop - region.clientHeight"
        )
        assert to_go < AT_END_PX, f"{to_go} px from the end"

    async def witnessed(self, what: str) -> list[Any]:
        values: list[Any] = await self.page.evaluate(f"globalThis.witnessed.{what}")
        return values

    async def paste(self, text: str) -> None:
        """Paste as a person does, by clipboard and key."""
        await self.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        await self.message.focus()
        await self.page.keyboard.press("Control+V")


@dataclass
class Between:
    """Stands between a page and its server, from the page's next connection on.

    `answer` is asked about each frame of the page: None lets it pass, a list is what the page gets
    in the server's place, which hears nothing of it. `heard` are the types the page has sent.
    """

    answer: Callable[[dict[str, Any]], list[dict[str, Any]] | None]
    heard: list[str] = field(default_factory=list)

    async def join(self, tab: "Tab") -> None:
        await tab.page.route_web_socket("**/ws/chat/", self._stand)

    def _stand(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def take(text: str | bytes) -> None:
            frame = json.loads(text)
            self.heard.append(frame["type"])
            answers = self.answer(frame)
            if answers is None:
                server.send(text)
            for each in answers or []:
                page.send(json.dumps(each))

        page.on_message(take)


@dataclass(slots=True)
class Visits:
    """Opens tabs; each visit has a browser profile of its own."""

    browser: Browser
    servers: Servers = field(repr=False)
    tabs: list[Tab] = field(default_factory=list)

    async def open(self, cookie: str = "", **options: Any) -> Tab:
        """A tab in a new profile, signed in by `cookie`; `options` are Playwright's."""
        context = await self.browser.new_context(**options)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        await context.add_init_script(WITNESS)
        await self.sign_in(context, cookie)
        return await self._tab(context)

    async def sign_in(self, context: BrowserContext, cookie: str) -> None:
        """Whoever was signed in in a profile is not any more, and the cookie's owner is."""
        await context.clear_cookies()
        pairs = [pair.partition("=") for pair in cookie.split("; ") if pair]
        for name, _, value in pairs:
            await context.add_cookies(
                [{"name": name, "value": value, "url": self.servers.base_url}]
            )

    async def beside(self, tab: Tab) -> Tab:
        """Another tab of the same profile."""
        return await self._tab(tab.page.context)

    async def _tab(self, context: BrowserContext) -> Tab:
        tab = Tab(await context.new_page(), self.servers)
        self.tabs.append(tab)
        return tab

    async def close(self) -> None:
        for context in self.browser.contexts:
            await context.close()
