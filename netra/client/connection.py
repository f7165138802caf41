"""One socket: typed as little as the wire is, one method a frame."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from netra.client.errors import Closed

SUBPROTOCOL: Final = "netra.v1"
# A snapshot of a long thread is larger than what clients commonly allow.
FRAME_BYTES_MAX: Final = 8 * 1024 * 1024
# A server that does not answer a close is left behind.
CLOSED_WITHIN_S: Final = 2.0

Frame = dict[str, Any]


def open_socket(
    base_url: str,
    *,
    cookie: str = "",
    token: str = "",
    origin: str | None = None,
    subprotocol: str = SUBPROTOCOL,
    ping_interval_s: float | None = 20,
) -> connect:
    """A bare WebSocket to the server at `base_url`, with a session or a token, for `async with`.

    Its page of origin is the server itself; another one, or none as "", is refused by it, but for
    a token.
    """
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    own = f"{parts.scheme}://{parts.netloc}"
    return connect(
        f"{scheme}://{parts.netloc}/ws/chat/",
        origin=Origin(own if origin is None else origin) or None,
        subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
        additional_headers=credentials(cookie, token),
        max_size=FRAME_BYTES_MAX,
        compression=None,
        proxy=None,
        ping_interval=ping_interval_s,
        close_timeout=CLOSED_WITHIN_S,
    )


def credentials(cookie: str, token: str) -> dict[str, str]:
    """The headers that let a client in."""
    return {
        name: value
        for name, value, given in (
            ("Cookie", cookie, cookie),
            ("Authorization", f"Bearer {token}", token),
        )
        if given
    }


class ChatConnection:
    """A connection that is being used; every frame received is kept in `received`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.received: list[Frame] = []

    @staticmethod
    @asynccontextmanager
    async def open(
        base_url: str,
        *,
        cookie: str = "",
        token: str = "",
        origin: str | None = None,
        subprotocol: str = SUBPROTOCOL,
    ) -> AsyncIterator["ChatConnection"]:
        """Open a socket at `base_url` with the session in `cookie`, or an API token."""
        async with open_socket(
            base_url, cookie=cookie, token=token, origin=origin, subprotocol=subprotocol
        ) as socket:
            yield ChatConnection(socket)

    @property
    def subprotocol(self) -> str | None:
        """What the server agreed to speak."""
        return self._socket.subprotocol

    async def put(self, **frame: Any) -> None:
        await self._socket.send(json.dumps(frame))

    async def put_raw(self, raw: str | bytes | Sequence[str]) -> None:
        """Send what need not be a frame of the protocol: bytes go as binary, pieces as one text."""
        await self._socket.send(raw)

    async def send(
        self, text: str, *, thread_id: str | None = None, client_id: str | None = None, **more: Any
    ) -> str:
        """Send a message; gives its `client_id`, which a retry must repeat."""
        client_id = client_id or secrets.token_hex(12)
        await self.put(type="send", client_id=client_id, thread_id=thread_id, text=text, **more)
        return client_id

    async def subscribe(self, thread_id: str, *, after_seq: int | None) -> None:
        await self.put(type="subscribe", thread_id=thread_id, after_seq=after_seq)

    async def stop(self, run_id: str) -> str:
        client_id = secrets.token_hex(12)
        await self.put(type="stop", client_id=client_id, run_id=run_id)
        return client_id

    async def next(self, *, within_s: float = 30) -> Frame:
        """The next frame; raises Closed, or TimeoutError after `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                text = await self._socket.recv(decode=True)
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
            raise Closed(code, reason) from None
        frame: Frame = json.loads(text)
        self.received.append(frame)
        return frame

    async def until(self, wanted: str | Callable[[Frame], bool], *, within_s: float = 30) -> Frame:
        """The first frame of that type, or for which `wanted` holds."""
        async with asyncio.timeout(within_s):
            while True:
                frame = await self.next(within_s=within_s)
                if frame["type"] == wanted if isinstance(wanted, str) else wanted(frame):
                    return frame

    async def until_event(self, event_type: str, *, within_s: float = 30) -> Frame:
        """The first event of that type, among the events of frames yet to come."""
        frame = await self.until(
            lambda one: any(event["type"] == event_type for event in one.get("events", ())),
            within_s=within_s,
        )
        found: Frame = next(event for event in frame["events"] if event["type"] == event_type)
        return found

    def events(self, thread_id: str | None = None) -> list[Frame]:
        """All events received so far, in order of arrival."""
        return [
            event
            for frame in self.received
            if frame["type"] == "events" and thread_id in (None, frame["thread_id"])
            for event in frame["events"]
        ]
