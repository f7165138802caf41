"""States of the connection that no server is in for long: made between the page and its server."""

import json
from collections.abc import Callable
from typing import Any, Final

from playwright.async_api import Page, WebSocketRoute

SOCKETS: Final = "**/ws/chat/"
# As much of an answer as is shown of one that is being written.
WRITTEN_CHARS: Final = 300

Frame = dict[str, Any]
# What the page is told in the place of a frame of the server; None for nothing.
Told = Callable[[Frame], Frame | None]


async def connect(page: Page) -> None:
    """The server takes the connection and says nothing."""
    await page.route_web_socket(SOCKETS, lambda _socket: None)
    await page.reload()
    await _until(page, "connecting")


async def degrade(page: Page) -> None:
    """No worker runs, says the server."""

    def told(frame: Frame) -> Frame:
        if frame["type"] == "ready":
            frame["services"]["runs"] = False
        return frame

    await _stand_between(page, told)
    await page.reload()
    await _until(page, "degraded")


async def stream(page: Page) -> None:
    """An answer is being written: nothing comes behind its beginning."""
    is_held = False

    def told(frame: Frame) -> Frame | None:
        nonlocal is_held
        if is_held:
            return None
        if frame["type"] == "delta":
            # The first piece may be a word.
            left = WRITTEN_CHARS - frame["offset"]
            is_held = len(frame["text"]) >= left
            frame["text"] = frame["text"][:left]
        return frame

    await _stand_between(page, told)
    await page.reload()
    await _until(page, "ready")
    await page.get_by_role("button", name="Where does our money go?").click()
    await page.locator("article[aria-label=Assistant] .prose").filter(has_text=" ").wait_for()


async def _stand_between(page: Page, told: Told) -> None:
    def stand(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            frame = told(json.loads(text))
            if frame is not None:
                socket.send(json.dumps(frame))

        server.on_message(pass_on)

    await page.route_web_socket(SOCKETS, stand)


async def _until(page: Page, word: str) -> None:
    await page.get_by_role("status", name="Connection").filter(has_text=word).wait_for()
