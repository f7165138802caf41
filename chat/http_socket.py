"""The socket over HTTP, for networks that block WebSockets: frames out as SSE, frames in by POST.

The consumer is the same; here is what stands in for the server's side of its transport.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_POST

from chat.connection.admission import key_of
from chat.consumers import NODE, ChatConsumer
from chat.delivery import bell, hub
from chat.delivery.bell import CarriedFrames, FramesTaken
from chat.protocol.frames import FRAME_BYTES_MAX, SUBPROTOCOL, encode_value
from netra.ids import ConnectionID

logger = structlog.get_logger(__name__)

HEARTBEAT_S: Final = 15.0
# Three heartbeats of the connection, each of which a page confirms: nobody reads any more.
SILENCE_MAX_S: Final = 90.0
# Beyond these the consumer's writer, or the page's POST, waits or is told to come back.
FRAMES_OUT_MAX: Final = 100
FRAMES_IN_MAX: Final = 200
# In one POST.
FRAMES_CARRIED_MAX: Final = 50
CARRIED_BYTES_MAX: Final = 4 * FRAME_BYTES_MAX
# Another process has them, or has not, by then.
TAKEN_WITHIN_S: Final = 3.0
_GONE: Final = {"type": "websocket.disconnect", "code": 1006}
# Of RFC 6455: the server met what it did not expect.
_FAILED: Final = 1011


class HttpSocket:
    """One socket: an ASGI connection for the consumer, and messages of an event stream."""

    def __init__(self, scope: dict[str, Any], *, key: str) -> None:
        # Of the session or token that opened it, and alone may send on it.
        self.key = key
        self._scope = scope
        self._consumer = ChatConsumer()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue(FRAMES_OUT_MAX)
        self._is_over = False
        self._heard_at = time.monotonic()

    async def messages(self) -> AsyncIterator[str]:
        """What goes to the client until either side ends it."""
        own = hub.current()
        own.spawn(self._serve(own))
        try:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        event = await self._outbox.get()
                except TimeoutError:
                    if time.monotonic() - self._heard_at > SILENCE_MAX_S:
                        return
                    yield ": alive\n\n"
                    continue
                if event["type"] == "websocket.send":
                    yield f"data: {event['text']}\n\n"
                elif event["type"] == "websocket.close":
                    told = {"code": event["code"], "reason": event.get("reason", "")}
                    yield f"event: close\ndata: {encode_value(told)}\n\n"
                    return
        finally:
            self._end()

    def take(self, frames: Sequence[str]) -> bool:
        """Hand the client's frames to the consumer; False where it is over or behind with them."""
        if self._is_over or self._inbox.qsize() + len(frames) > FRAMES_IN_MAX:
            return False
        self._heard_at = time.monotonic()
        for text in frames:
            self._inbox.put_nowait({"type": "websocket.receive", "text": text})
        return True

    async def _serve(self, own: hub.Hub) -> None:
        self._inbox.put_nowait({"type": "websocket.connect"})
        try:
            await self._consumer(self._scope, self._inbox.get, self._send)
        except Exception:  # the outermost loop of a connection: its stream must end all the same
            logger.exception("a socket over HTTP failed")
        finally:
            OPEN.pop(self._consumer.connection_id, None)
            await own.unhear(bell.carried_group(self._consumer.connection_id))
            await self._put({"type": "websocket.close", "code": _FAILED})

    async def _send(self, event: dict[str, Any]) -> None:
        if self._is_over:
            raise OSError("the client has gone")
        if event["type"] == "websocket.accept":
            await self._open()
        if event["type"] == "websocket.close":
            self._inbox.put_nowait(_GONE)
        await self._put(event)

    async def _open(self) -> None:
        own = hub.current()
        OPEN[self._consumer.connection_id] = self
        own.obey(CarriedFrames, _take_carried)
        # Before the client knows its name: the first frames may come by another process.
        await own.start()
        await own.hear(bell.carried_group(self._consumer.connection_id))

    async def _put(self, event: dict[str, Any]) -> None:
        if not self._is_over:
            await self._outbox.put(event)

    def _end(self) -> None:
        self._is_over = True
        self._inbox.put_nowait(_GONE)
        # Whoever waits for room to write is let go, and finds that nobody reads.
        while not self._outbox.empty():
            self._outbox.get_nowait()


@require_POST
def open_socket(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Open a connection; its frames are the messages of the answer, `close` is the last one."""
    assert isinstance(request, ASGIRequest), "Netra is served by ASGI alone"
    scope = _scope_of(request)
    socket = HttpSocket(scope, key=key_of(scope))
    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        # nginx would hold back what must arrive at once.
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(socket.messages(), headers=headers)


@require_POST
async def send_frames(request: HttpRequest, connection_id: str) -> HttpResponse:
    """Take frames, one a line, for a connection of this session, or token, in any process."""
    assert isinstance(request, ASGIRequest), "Netra is served by ASGI alone"
    try:
        lines = request.body.decode().split("\n")
    except (RequestDataTooBig, UnicodeDecodeError):
        lines = []
    if not lines or len(lines) > FRAMES_CARRIED_MAX or len(request.body) > CARRIED_BYTES_MAX:
        return _problem(
            HTTPStatus.BAD_REQUEST, "invalid_frames", "Send frames as text, one a line."
        )
    if not await _hand_over(connection_id, key_of(_scope_of(request)), lines):
        return _problem(
            HTTPStatus.GONE, "connection_gone", "This connection is over. Open another."
        )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


async def _hand_over(connection_id: str, key: str, frames: list[str]) -> bool:
    # Nobody without a session or a token has a connection.
    if not key or not _is_id(connection_id):
        return False
    here = OPEN.get(ConnectionID(connection_id))
    if here is None:
        return await _carry(connection_id, key, frames)
    return here.key == key and here.take(frames)


async def _carry(connection_id: str, key: str, frames: list[str]) -> bool:
    """Hand frames to the process that has the connection; False where none says it took them."""
    own = hub.current()
    await own.start()
    own.obey(FramesTaken, _note_taken)
    NODE.begin(own)
    await own.hear(bell.node_group(NODE.name))
    carry_id = secrets.token_hex(8)
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    CARRIED[carry_id] = answer
    bell.ring(
        CarriedFrames(
            connection_id=connection_id,
            session_key=key,
            frames=frames,
            carry_id=carry_id,
            node=NODE.name,
        )
    )
    try:
        async with asyncio.timeout(TAKEN_WITHIN_S):
            return await answer
    except TimeoutError:
        return False
    finally:
        CARRIED.pop(carry_id, None)


def _take_carried(ring: CarriedFrames) -> None:
    socket = OPEN.get(ConnectionID(ring.connection_id))
    if socket is None:
        return
    taken = socket.key == ring.session_key and socket.take(ring.frames)
    bell.ring(FramesTaken(node=ring.node, carry_id=ring.carry_id, taken=taken))


def _note_taken(ring: FramesTaken) -> None:
    answer = CARRIED.get(ring.carry_id)
    if answer is not None and not answer.done():
        answer.set_result(ring.taken)


def _scope_of(request: ASGIRequest) -> dict[str, Any]:
    scope = request.scope
    kept = ("asgi", "http_version", "headers", "client", "server", "root_path")
    return {
        **{name: scope[name] for name in kept if name in scope},
        "type": "websocket",
        "scheme": "wss" if request.is_secure() else "ws",
        "path": "/ws/chat/",
        "raw_path": b"/ws/chat/",
        "query_string": b"",
        "subprotocols": [SUBPROTOCOL],
    }


def _is_id(text: str) -> bool:
    try:
        ConnectionID(text)
    except ValueError:
        return False
    return True


def _problem(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)


# Those of this process, by connection; and what it carries for others, until that is taken.
OPEN: Final[dict[ConnectionID, HttpSocket]] = {}
CARRIED: Final[dict[str, "asyncio.Future[bool]"]] = {}
