"""A relay on 127.0.0.1: each connection is joined to one of its own upstream, and can be cut."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Self

# More than any test opens; what is above it is refused, not queued.
LINKS_MAX: Final = 500
CHUNK_BYTES: Final = 64 * 1024
# Writes of one link that may be put off at the same time.
LATE_WRITES_MAX: Final = 500

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Streams]]
Pump = Callable[["Link"], Awaitable[None]]


@dataclass(eq=False, slots=True, kw_only=True)
class Link:
    """A client's connection and the one made for it to the server; `number` counts from 0."""

    number: int
    from_client: asyncio.StreamReader
    to_client: asyncio.StreamWriter
    from_server: asyncio.StreamReader
    to_server: asyncio.StreamWriter

    @property
    def is_closing(self) -> bool:
        return self.to_client.is_closing() or self.to_server.is_closing()

    def cut(self) -> None:
        """End both connections at once; what was not yet written is lost."""
        for writer in (self.to_client, self.to_server):
            writer.transport.abort()

    def close(self) -> None:
        """End both connections after what was written."""
        for writer in (self.to_client, self.to_server):
            writer.close()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand over bytes as they come until their sender ends."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


class LateWrites:
    """What comes later than it was sent; what has not come when the link ends, is lost with it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._write = writer.write
        self._waiting: set[asyncio.TimerHandle] = set()

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= LATE_WRITES_MAX

    def write_in(self, pause_s: float, data: bytes) -> None:
        def arrive() -> None:
            self._waiting.discard(handle)
            self._write(data)

        handle = asyncio.get_running_loop().call_later(pause_s, arrive)
        self._waiting.add(handle)

    def drop(self) -> None:
        for handle in self._waiting:
            handle.cancel()


class Relay:
    """Accepts while its block runs; `up` and `down` carry the two directions of each link."""

    def __init__(self, *, dial: Dial, up: Pump, down: Pump) -> None:
        self.port = 0
        self._dial = dial
        self._pumps = (up, down)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepted = 0
        # None of these may pass for a fault of the network.
        self._own_faults: list[BaseException] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, exception: type[BaseException] | None, *_more: object) -> None:
        self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if exception is None and self._own_faults:
            raise self._own_faults[0]

    @property
    def links(self) -> int:
        return len(self._links)

    def cut_all(self) -> int:
        """Cut every link; gives how many there were."""
        links = tuple(self._links)
        for link in links:
            link.cut()
        return len(links)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= LINKS_MAX:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._own_faults.append(fault)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await self._dial()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        link = Link(
            number=self._accepted,
            from_client=reader,
            to_client=writer,
            from_server=from_server,
            to_server=to_server,
        )
        self._accepted += 1
        self._links.add(link)
        pumps = [asyncio.create_task(self._pump(pump, link)) for pump in self._pumps]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            link.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        for pump in pumps:
            if not pump.cancelled():
                pump.result()

    async def _pump(self, pump: Pump, link: Link) -> None:
        # Either end may go at any moment: that is an end, not an error.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await pump(link)
            except RuntimeError:
                # uvloop's word for a transport that has closed meanwhile.
                if not link.is_closing:
                    raise
