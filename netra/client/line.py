"""One socket at a time for a dialogue: connects, reads, writes, keeps its times, connects again."""

import asyncio
import contextlib
import logging
import random
import time
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from netra.client.backoff import LOST
from netra.client.connection import open_socket
from netra.client.dialogue import ClientState, Dialogue
from netra.client.errors import Closed
from netra.client.news import News

logger = logging.getLogger(__name__)

# A server that takes no frame for this long is as good as gone.
WRITE_DEADLINE_S: Final = 10.0


class Line:
    """The way to the server; `turn` is set when the dialogue has something new to say."""

    def __init__(
        self, base_url: str, *, cookie: str, token: str, dialogue: Dialogue, news: News
    ) -> None:
        self._base_url = base_url
        self._cookie = cookie
        self._token = token
        self._dialogue = dialogue
        self._news = news
        self._socket: ClientConnection | None = None
        self.turn = asyncio.Event()

    async def keep(self) -> None:
        """Stay connected until the dialogue is over."""
        try:
            while self._dialogue.final is None:
                await self._connect_once()
                await self._wait_for_retry()
        except Exception as error:  # the outermost loop: whoever waits must learn that it ended
            logger.exception("the client failed")
            self._dialogue.end(Closed(LOST, f"the client failed: {error!r}"))
        self._news.ring_all()

    async def hang_up(self) -> None:
        """Say good-bye, if there is anybody to say it to."""
        if self._socket is not None:
            await self._socket.close()

    async def _connect_once(self) -> None:
        was_offline = self._dialogue.state is ClientState.OFFLINE
        self._dialogue.opening(time.monotonic())
        self._tell()
        code, reason = LOST, ""
        try:
            # Dead is a server that sends nothing for a minute: the dialogue judges that.
            opening = open_socket(
                self._base_url, cookie=self._cookie, token=self._token, ping_interval_s=None
            )
            async with opening as self._socket:
                code, reason = await self._talk(self._socket)
        except (OSError, EOFError, TimeoutError, WebSocketException) as error:
            reason = str(error)
        finally:
            self._socket = None
            chance = random.random()  # noqa: S311  not for security
            self._dialogue.closed(code, reason, time.monotonic(), chance=chance)
            if self._dialogue.retry_at is not None and self._dialogue.state is ClientState.OFFLINE:
                self._say_why(reason or str(code), again=was_offline)
            self._tell()

    def _say_why(self, reason: str, *, again: bool) -> None:
        """Tell whoever waits for an address that is wrong, once a series of failures."""
        level = logging.DEBUG if again else logging.WARNING
        logger.log(level, "no connection to %s, which is tried again: %s", self._base_url, reason)

    async def _wait_for_retry(self) -> None:
        while (retry_at := self._dialogue.retry_at) is not None:
            delay_s = retry_at - time.monotonic()
            if delay_s <= 0:
                return
            self.turn.clear()
            await self._wait_for_turn(delay_s)

    async def _talk(self, socket: ClientConnection) -> tuple[int, str]:
        """Exchange frames until the socket closes; gives the close code and reason."""
        writing = asyncio.create_task(self._write(socket))
        writing.add_done_callback(lambda task: None if task.cancelled() else _cut(socket))
        try:
            while True:
                raw = await socket.recv(decode=False)
                self._dialogue.receive(raw, time.monotonic())
                self._tell()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (LOST, "")
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing

    async def _write(self, socket: ClientConnection) -> None:
        """Write what the dialogue has to say, until the connection is dead."""
        try:
            while not self._dialogue.is_dead(time.monotonic()):
                # What comes up while a frame is written is seen in the next turn.
                self.turn.clear()
                for frame in self._dialogue.to_send(time.monotonic()):
                    async with asyncio.timeout(WRITE_DEADLINE_S):
                        await socket.send(frame)
                now = time.monotonic()
                await self._wait_for_turn(self._dialogue.due_at(now) - now)
        except (ConnectionClosed, TimeoutError):
            logger.debug("a frame could not be written")

    async def _wait_for_turn(self, delay_s: float) -> None:
        """Wait until something is to be done, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, delay_s)):
                await self.turn.wait()

    def _tell(self) -> None:
        self._news.ring(self._dialogue.take_news())
        self.turn.set()


def _cut(socket: ClientConnection) -> None:
    # Reading alone is of no use, and a mere close would wait for a peer that may be dead.
    socket.transport.abort()
