"""Real consumers on the test's own loop, with the real database and bus behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import msgspec
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import Client

from accounts.models import User
from chat.consumers import ChatConsumer
from chat.delivery import hub
from chat.protocol.frames import SUBPROTOCOL

FRAME_WITHIN_S = 10.0


def session_of(user: User) -> str:
    """The key of a new session of `user`; for synchronous code only."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


class Socket:
    """One client's side of a connection, as ASGI messages.

    Not Channels' own communicator: that one keeps database connections from being given back.
    """

    def __init__(
        self,
        session_key: str,
        *,
        subprotocols: tuple[str, ...] = (SUBPROTOCOL,),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        cookie = f"{settings.SESSION_COOKIE_NAME}={session_key}"
        usual = {"host": "localhost", "origin": "http://localhost", "cookie": cookie}
        sent = usual | dict(headers)
        scope = {
            "type": "websocket",
            "path": "/ws/chat/",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "subprotocols": list(subprotocols),
        }
        application = ChatConsumer.as_asgi()
        self._communicator: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]  # asgiref's

    async def open(self) -> None:
        await self._communicator.send_input({"type": "websocket.connect"})
        output = await self._communicator.receive_output(timeout=FRAME_WITHIN_S)
        assert output["type"] == "websocket.accept"

    async def send(self, **frame: object) -> None:
        await self.send_text(msgspec.json.encode(frame, enc_hook=str).decode())

    async def send_text(self, text: str) -> None:
        await self._communicator.send_input({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        await self._communicator.send_input({"type": "websocket.receive", "bytes": data})

    async def output(self, *, within_s: float = FRAME_WITHIN_S) -> dict[str, Any]:
        """The next ASGI message of the server, whatever it is; TimeoutError, and it goes on."""
        async with asyncio.timeout(within_s):
            output: dict[str, Any] = await self._communicator.output_queue.get()
        return output

    async def frame(self, kind: str) -> dict[str, Any]:
        """The next frame of that type; others are passed over."""
        while True:
            output = await self._communicator.receive_output(timeout=FRAME_WITHIN_S)
            assert output["type"] == "websocket.send", output
            frame: dict[str, Any] = msgspec.json.decode(output["text"])
            if frame["type"] == kind:
                return frame

    async def close_code(self) -> int:
        """The code that the server closes with; frames before it are passed over."""
        while True:
            output = await self._communicator.receive_output(timeout=FRAME_WITHIN_S)
            if output["type"] == "websocket.close":
                code: int = output["code"]
                return code

    async def leave(self) -> None:
        await self._communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._communicator.wait(timeout=FRAME_WITHIN_S)


@asynccontextmanager
async def web_process() -> AsyncIterator[None]:
    """What a web process has beside its sockets, ended with the block."""
    try:
        yield
    finally:
        await hub.current().stop()
        layer = get_channel_layer()
        assert layer is not None
        await layer.flush()


async def until(holds: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Wait until `holds`, which may block, is true."""
    async with asyncio.timeout(within_s):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)
