"""Socket.IO's frames on the bench's own socket (Engine.IO 4, text frames over WebSocket)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from bench import servers
from bench.peers.installed import socket_io_script
from bench.servers import Server
from bench.wire import Socket
from netra.engines import Valkey
from tools.node import node

CHANNEL: Final = "socketio"
PATH: Final = "/socket.io/?EIO=4&transport=websocket"
# Engine.IO's `open` and `message`, then Socket.IO's CONNECT, EVENT and ACK.
OPENED: Final = b"0{"
CONNECT: Final = b"40"
CONNECTED: Final = b"40{"
READY: Final = b'42["ready"'
EVENT: Final = b'42["event"'
ECHO: Final = b'421["echo","hello"]'
ECHOED: Final = b"431["


@contextmanager
def server(*, core: int | None = None) -> Iterator[Server]:
    """Run it for a block."""
    bus = str(Valkey(settings.VAR_DIR).socket)
    argv = [str(node()), str(socket_io_script()), "{port}", bus, CHANNEL]
    with servers.peer("socketio", argv, core=core) as running:
        yield running


async def opened(server: Server) -> Socket:
    """A connected socket that is in the room."""
    socket, _session = await session(server)
    return socket


async def session(server: Server) -> tuple[Socket, str]:
    """The same with the private id by which it can be recovered."""
    socket = await engine(server)
    socket.send_text(CONNECT)
    answer = await socket.until_text(CONNECTED)
    await socket.until_text(READY)
    session_id: str = json.loads(answer[2:])["pid"]
    return socket, session_id


async def recovering(server: Server, session_id: str, offset: str) -> Socket:
    """A socket that asks for everything after an offset."""
    socket = await engine(server)
    socket.send_text(CONNECT + json.dumps({"pid": session_id, "offset": offset}).encode())
    return socket


async def engine(server: Server, path: str = PATH) -> Socket:
    socket = await Socket.open(server.port, path=path)
    await socket.until_text(OPENED)
    return socket
