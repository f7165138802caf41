"""Chainlit's server, and one of its users as its page speaks for them, by WebSocket alone."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from django.conf import settings

from bench import servers
from bench.peers import socket_io
from bench.peers.installed import HERE, chainlit_program
from bench.peers.model_server import TOKENS, TOKENS_PER_S
from bench.servers import Server
from bench.wire import Socket
from netra import env

PATH: Final = "/ws/socket.io/?EIO=4&transport=websocket"
PING: Final = b"2"
PONG: Final = b"3"
TEXT: Final = (b'42["stream_start"', b'42["stream_token"')

App = Literal["chainlit", "chainlit-openai"]
APPS: Final[dict[App, str]] = {
    "chainlit": "chainlit_app.py",
    "chainlit-openai": "chainlit_openai_app.py",
}


@contextmanager
def server(app: App, *, model_url: str) -> Iterator[Server]:
    """Run it for a block, its second application with a model."""
    path = str(HERE / APPS[app])
    argv = [str(chainlit_program()), "run", path, "--headless", "--host", "127.0.0.1"]
    with (
        env.override(
            # It writes its settings where it is told that it lives; it would use our database.
            CHAINLIT_APP_ROOT=str(settings.VAR_DIR),
            DATABASE_URL=None,
            OPENAI_BASE_URL=model_url,
            OPENAI_API_KEY="none",
        ),
        servers.peer(app, [*argv, "--port", "{port}"]) as running,
    ):
        yield running


@dataclass(slots=True)
class ChainlitAnswer:
    sent_at: float
    first_at: float = 0.0
    last_at: float = 0.0
    tokens: int = 0

    @property
    def is_whole(self) -> bool:
        return self.tokens == TOKENS

    @property
    def first_token_ms(self) -> float:
        return 1000 * (self.first_at - self.sent_at)

    @property
    def took(self) -> float:
        """How long it streamed, beside an ideal stream."""
        return (self.last_at - self.first_at) * TOKENS_PER_S / (TOKENS - 1)


class ChainlitChat:
    """One user's socket, which asks one question after the other."""

    def __init__(self, socket: Socket) -> None:
        self.answers: list[ChainlitAnswer] = []
        self._socket = socket
        self._ended = asyncio.Event()
        socket.on_frame = self._on_frame

    @staticmethod
    async def enter(server: Server) -> "ChainlitChat":
        socket = await socket_io.engine(server, PATH)
        visitor = {"clientType": "webapp", "sessionId": secrets.token_hex(16), "userEnv": "{}"}
        socket.send_text(socket_io.CONNECT + json.dumps(visitor).encode())
        await socket.until_text(socket_io.CONNECTED)
        socket.send_text(b'42["connection_successful"]')
        return ChainlitChat(socket)

    async def ask(self) -> None:
        """Ask, and wait for the end of the answer."""
        step = {
            "id": str(uuid.uuid4()),
            "name": "user",
            "type": "user_message",
            "createdAt": datetime.now(UTC).isoformat(),
        }
        said: dict[str, Any] = {"message": step | {"output": "Tell me."}, "fileReferences": []}
        self._ended.clear()
        self.answers.append(ChainlitAnswer(time.perf_counter()))
        self._socket.send_text(b"42" + json.dumps(["client_message", said]).encode())
        await self._ended.wait()

    def leave(self) -> None:
        self._socket.close()

    def _on_frame(self, frame: bytes) -> None:
        if frame == PING:
            self._socket.send_text(PONG)
        elif frame.startswith(TEXT):
            answer = self.answers[-1]
            answer.last_at = time.perf_counter()
            answer.first_at = answer.first_at or answer.last_at
            answer.tokens += 1
            if answer.tokens == TOKENS:
                self._ended.set()
