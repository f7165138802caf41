"""A server of `netra.v1` that a test plays by hand: it takes sockets and says what it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Frame = dict[str, Any]

WITHIN_S = 20


class Visit:
    """One socket of a client; what it says is kept until the test asks for it."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._heard: asyncio.Queue[Frame] = asyncio.Queue()
        self.close_code: int | None = None
        self.over = asyncio.Event()

    async def say(self, *frames: Frame) -> None:
        for frame in frames:
            await self._socket.send(json.dumps(frame))

    async def hear(self, kind: str) -> Frame:
        """The next frame of that type; others are passed over."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame = await self._heard.get()
                if frame["type"] == kind:
                    return frame

    async def close(self, code: int) -> None:
        await self._socket.close(code)

    async def listen(self) -> None:
        try:
            async for text in self._socket:
                self._heard.put_nowait(json.loads(text))
        except ConnectionClosed:
            pass
        self.close_code = self._socket.close_code
        self.over.set()


class ChatServer:
    """The visits of clients, one after the other."""

    def __init__(self) -> None:
        self._visits: asyncio.Queue[Visit] = asyncio.Queue()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def next_visit(self) -> Visit:
        async with asyncio.timeout(WITHIN_S):
            return await self._visits.get()

    async def receive(self, socket: ServerConnection) -> None:
        visit = Visit(socket)
        self._visits.put_nowait(visit)
        await visit.listen()


@asynccontextmanager
async def chat_server() -> AsyncIterator[ChatServer]:
    made = ChatServer()
    protocols = [Subprotocol("netra.v1")]
    async with serve(made.receive, "127.0.0.1", 0, subprotocols=protocols) as running:
        made.port = next(iter(running.sockets)).getsockname()[1]
        yield made
