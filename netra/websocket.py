"""The WebSocket side of `manage.py web`: uvicorn's own protocol, writing less often."""

from collections.abc import Mapping
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from netra.gate import Gate
from netra.inbox import Inbox
from netra.text_frames import EXTENSION, TextFrames

CLOSED_WITHIN_S: Final = 5.0
# Collected for one write; beyond it `writable` must brake the sender.
COLLECTED_BYTES_MAX: Final = 64 * 1024
# Frames that one message may come in; the server bounds its bytes, and a frame may have none.
FRAMES_PER_MESSAGE_MAX: Final = 1024


class ChatProtocol(WebSocketsSansIOProtocol):
    """Joins the frames of one turn of the loop into one write, and lets go of dead clients.

    A write is a system call, and half of what a delivery costs: a burst of events is ten frames a
    socket in one turn. Frames leave in the order in which they were sent, before whatever else is
    written to the transport.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # In the place of asyncio's, of which most sockets would use nothing but the memory.
        self.queue = Inbox()  # type: ignore[assignment]  # all of a queue that uvicorn uses
        self.writable = Gate()  # type: ignore[assignment]  # all of an event that uvicorn uses
        self._collected: list[bytes] = []
        self._collected_bytes = 0

    async def send(self, message: Mapping[str, Any]) -> None:
        text = message.get("text")
        while text is not None and self._is_open:
            if self.write_text(text):
                return
            await self.writable.wait()
        self._write_collected()
        await super().send(message)  # type: ignore[arg-type]  # or it knows what to raise
        if message["type"] == "websocket.accept" and self.handshake_complete:
            # Kept by the parser as long as the socket is open, and read by nobody.
            self.request.headers.clear()
            self.response.headers.clear()

    def write_text(self, text: str) -> bool:
        """Put a text on its way; False where the socket is not open or its client too slow."""
        if not self._is_open or not self.writable.is_set():
            return False
        self._collect(_FRAMES.of(text))
        return True

    @property
    def _is_open(self) -> bool:
        return self.handshake_complete and not (self.close_sent or self.disconnected)

    def data_received(self, data: bytes) -> None:
        # What the client sends may be answered at once, with a pong or a close.
        self._write_collected()
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # The refusal of a head that websockets does not take: uvicorn would keep it, and wait.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= FRAMES_PER_MESSAGE_MAX:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "a message of too many frames")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        whole = b"".join(self.frames)
        if self.curr_msg_data_type == "text" and not whole.isascii() and not self.close_sent:
            try:
                whole.decode()
            except UnicodeDecodeError:
                # uvicorn would write a traceback to the log, as often as a client likes.
                self._fail(CloseCode.INVALID_DATA, "text that is no UTF-8")
                return
        super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        self._write_collected()
        super().keepalive_timeout()

    def shutdown(self) -> None:
        self._write_collected()
        super().shutdown()

    async def run_asgi(self) -> None:
        extensions = self.scope["extensions"]
        assert extensions is not None, "uvicorn has some"
        extensions[EXTENSION] = {"write": self.write_text}
        await super().run_asgi()
        # A mere close would wait for ever for the buffer of a client that reads nothing.
        self.loop.call_later(CLOSED_WITHIN_S, self.transport.abort)

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _collect(self, frame: bytes) -> None:
        if not self._collected:
            self.loop.call_soon(self._write_collected)
        self._collected.append(frame)
        self._collected_bytes += len(frame)
        if self._collected_bytes > COLLECTED_BYTES_MAX:
            self._write_collected()

    def _write_collected(self) -> None:
        if not self._collected:
            return
        collected, self._collected = self._collected, []
        self._collected_bytes = 0
        if not self.disconnected and not self.close_sent:
            self.transport.write(b"".join(collected))


_FRAMES: Final = TextFrames()
