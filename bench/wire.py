"""A WebSocket client that does next to nothing, so that it is not what is measured (RFC 6455)."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Final, cast

import msgspec

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
PATH: Final = "/ws/chat/"
OPENS_WITHIN_S: Final = 30.0
SMALL_BYTES: Final = 64 * 1024


class SocketClosed(Exception):
    """The server closed the socket, or did not open it; says what came last."""


class Socket(asyncio.Protocol):
    """One client's socket; every text frame goes to `on_frame` as bytes."""

    def __init__(self, request: bytes) -> None:
        self.on_frame: Callable[[bytes], None] = self._keep
        # Told why, unless it was closed from here.
        self.on_lost: Callable[[SocketClosed], None] | None = None
        # Of text frames, as `seen` counts them.
        self.bytes = 0
        self.is_open = False
        self._request = request
        self._rest = b""
        self._opening = True
        self._last_word = "nothing"
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()

    @staticmethod
    async def open(port: int, *, cookie: str = "", path: str = PATH) -> "Socket":
        """A socket at `port` of this machine, whose handshake is on its way."""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"Origin: https://127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: netra.v1",
            f"Cookie: {cookie}",
        ]
        request = "\r\n".join([*lines, "", ""]).encode()
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: Socket(request), "127.0.0.1", port)
        return socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_open and self.on_lost is not None:
            self.on_lost(SocketClosed(f"{self._last_word}, {exc}"))
        self.is_open = False
        self._waiting.put_nowait(None)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at = 0
        if self._opening:
            at = data.find(b"\r\n\r\n") + 4
            if at < 4:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._last_word = data[:at].decode("latin-1")
                self._transport.close()
                return
            self._opening, self.is_open = False, True
        size = len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            end = start + length
            if end > size:
                break
            if data[at] & 0xF == TEXT:
                self.bytes += length
                self.on_frame(data[start:end])
            else:
                self._control(data[at] & 0xF, data[start:end])
            at = end
        self._rest = data[at:]

    def send(self, **frame: object) -> None:
        self.send_text(msgspec.json.encode(frame, enc_hook=str))

    def send_text(self, text: bytes) -> None:
        self._write(TEXT, text)

    async def until(self, kind: str, *, within_s: float = OPENS_WITHIN_S) -> bytes:
        """The next frame of that type, of those kept; raises SocketClosed or TimeoutError."""
        return await self.until_text(b'{"type":"%s"' % kind.encode(), within_s=within_s)

    async def until_text(self, opening: bytes, *, within_s: float = OPENS_WITHIN_S) -> bytes:
        """The next frame that begins so; raises SocketClosed or TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                frame = await self._waiting.get()
                if frame is None:
                    raise SocketClosed(self._last_word)
                if frame.startswith(opening):
                    return frame

    def stop_reading(self) -> None:
        """Leave everything from now on in the kernel's buffers, which are kept small."""
        self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, SMALL_BYTES)
        self._transport.pause_reading()

    def close(self) -> None:
        self.is_open = False
        if not self._transport.is_closing():
            self._write(CLOSE, (1000).to_bytes(2))
            self._transport.close()

    def _keep(self, frame: bytes) -> None:
        self._waiting.put_nowait(frame)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE:
            self._last_word = f"{int.from_bytes(payload[:2])} {payload[2:].decode()}"
            self._transport.close()

    def _write(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        head = bytes([0x80 | opcode, 0x80 | min(length, 126)])
        if length >= 126:
            head += length.to_bytes(2)
        # A client must mask; masked with zeros, the payload stays as it is.
        self._transport.write(head + b"\0\0\0\0" + payload)
