"""A WebSocket client that keeps to no rule: what it writes is said byte by byte."""

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from chat.protocol.frames import SUBPROTOCOL

FIN: Final = 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
ANSWERED_WITHIN_S: Final = 10.0


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    is_last: bool = True,
    reserved: int = 0,
    is_masked: bool = True,
    length: int | None = None,
) -> bytes:
    """One frame; `length` is what its head says, where that is not true."""
    size = len(payload) if length is None else length
    first = (FIN if is_last else 0) | reserved << 4 | opcode
    mask = 0x80 if is_masked else 0
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 1 << 16:
        head = bytes([first, mask | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, mask | 127]) + size.to_bytes(8)
    # A key of zeros masks nothing away.
    return head + (bytes(4) if is_masked else b"") + payload


@dataclass(slots=True)
class RawSocket:
    """What came back so far is in `frames`: opcode and payload of each."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: str
    frames: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def next(self) -> tuple[int, bytes] | None:
        """The next frame; None where the server has closed the transport."""
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                first, second = await self.reader.readexactly(2)
                size = second & 0x7F
                if size >= 126:
                    size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
                found = (first & 0x0F, await self.reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.frames.append(found)
        return found

    async def until(self, opcode: int, begin: bytes = b"") -> bytes:
        """The payload of the next such frame that begins like that."""
        while (found := await self.next()) is not None:
            if found[0] == opcode and found[1].startswith(begin):
                return found[1]
        raise AssertionError("the server closed before it answered")

    async def close_code(self) -> int | None:
        """The code of the server's close frame; 0 for one without, None where there was none."""
        while (found := await self.next()) is not None:
            if found[0] == CLOSE:
                return int.from_bytes(found[1][:2]) if found[1] else 0
        return None


async def connect(
    port: int,
    cookie: str,
    changes: Mapping[str, str] = MappingProxyType({}),
    *,
    path: str = "/ws/chat/",
) -> RawSocket:
    """Ask for the upgrade, with other headers or, where they are empty, without them."""
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Origin": f"http://127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
        "Cookie": cookie,
    } | dict(changes)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**21)
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        head = await reader.readuntil(b"\r\n\r\n")
    return RawSocket(reader, writer, head.decode("latin-1"))


@asynccontextmanager
async def raw_socket(
    port: int,
    cookie: str,
    changes: Mapping[str, str] = MappingProxyType({}),
    *,
    path: str = "/ws/chat/",
) -> AsyncIterator[RawSocket]:
    opened = await connect(port, cookie, changes, path=path)
    try:
        yield opened
    finally:
        opened.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await opened.writer.wait_closed()
