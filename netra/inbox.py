"""What a socket's server has for the socket's one reader."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Messages in their order, on one loop; asyncio's queue takes 2.5 KiB where nothing waits.

    Whoever puts must bound it: uvicorn reads no further than what one message came with.
    """

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        # Made when something comes and dropped with the last of it: an empty one takes 600 bytes.
        self._messages: deque[T] | None = None
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return self._messages is None

    def put_nowait(self, message: T) -> None:
        if self._messages is None:
            self._messages = deque()
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> T:
        """The next message, once there is one; RuntimeError for a second reader."""
        while self._messages is None:
            await self._wait()
        message = self._messages.popleft()
        if not self._messages:
            self._messages = None
        return message

    async def _wait(self) -> None:
        if self._reader is not None:
            raise RuntimeError("somebody else reads this inbox")
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None
