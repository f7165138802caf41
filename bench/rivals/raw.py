"""The floor of the server: an ASGI application without Channels or Django, fed by Valkey itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class RawApplication:
    """Accepts every socket and sends to all of them whatever is published in one channel.

    What a socket says is said back to it.
    """

    def __init__(self, bus: str, *, channel: str) -> None:
        self._bus = redis.asyncio.from_url(bus)
        self._channel = channel
        self._sockets: set[Send] = set()
        self._listening: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await receive()
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
        self._sockets.add(send)
        await send({"type": "websocket.send", "text": '{"type":"ready"}'})
        while (heard := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": heard["text"]})
        self._sockets.discard(send)

    async def _listen(self) -> None:
        published = self._bus.pubsub()
        await published.subscribe(self._channel)
        async for message in published.listen():
            if message["type"] != "message":
                continue
            event = {"type": "websocket.send", "text": message["data"].decode()}
            for send in tuple(self._sockets):
                await send(event)
