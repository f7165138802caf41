"""The limit of Python: the `websockets` library's own server and broadcast, fed by Valkey.

`python -m bench.peers.websockets_server PORT BUS CHANNEL`
"""

import http
import sys

import redis.asyncio
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

_sockets: set[ServerConnection] = set()


async def main(port: int, bus: str, channel: str) -> None:
    serving = serve(
        _talk,
        "127.0.0.1",
        port,
        subprotocols=[Subprotocol("netra.v1")],
        compression=None,
        process_request=_answer,
    )
    async with serving, redis.asyncio.from_url(bus).pubsub() as heard:
        await heard.subscribe(channel)
        async for message in heard.listen():
            if message["type"] == "message":
                broadcast(_sockets, message["data"].decode())


async def _talk(socket: ServerConnection) -> None:
    """Greet, then say back what is said."""
    _sockets.add(socket)
    await socket.send('{"type":"ready"}')
    async for text in socket:
        await socket.send(text)
    _sockets.discard(socket)


def _answer(_connection: ServerConnection, request: Request) -> Response | None:
    """An empty page for whoever asks whether the server is there."""
    if "Upgrade" in request.headers:
        return None
    return Response(http.HTTPStatus.OK, "OK", Headers({"Content-Length": "0"}), b"")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
