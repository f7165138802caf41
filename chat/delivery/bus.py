"""This process's one channel of the channel layer, and the groups it has joined."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from chat.delivery import bell

logger = structlog.get_logger(__name__)

# Longer than two pulses with a frozen database between them.
SILENCE_S: Final = 3.5
ANSWERS_WITHIN_S: Final = 1.0
_AWAY: Final = (RedisError, OSError)


class Bus:
    """Every method runs on the process's one loop; none raises because the bus is away."""

    def __init__(self) -> None:
        self._channel: str | None = None
        self._opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._heard_at = float("-inf")
        # A group that could not be joined is tried again with every beat until it holds.
        self._wanted: set[str] = set()
        self._joined: set[str] = set()

    @property
    def is_up(self) -> bool:
        """Whether anything, our own beat at least, came lately."""
        return time.monotonic() - self._heard_at < SILENCE_S

    async def join(self, group: str) -> None:
        """Be in a group when this returns, or as soon as the bus is back."""
        self._wanted.add(group)
        if group not in self._joined:
            await self._join(group)

    async def leave(self, group: str) -> None:
        self._wanted.discard(group)
        self._joined.discard(group)
        layer = get_channel_layer()
        if layer is None or self._channel is None:
            return
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await layer.group_discard(group, self._channel)
        except _AWAY:
            logger.debug("a group could not be left while the bus is away", group=group)

    async def beat(self) -> None:
        """Open the channel where it is not yet, send it a sign of life, join what is missing."""
        layer = get_channel_layer()
        assert layer is not None
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                if self._channel is None:
                    self._channel = await layer.new_channel()
                    self._opened.set_result(self._channel)
                    self._heard_at = time.monotonic()
                await layer.send(self._channel, {"type": "beat"})
                for group in self._wanted - self._joined:
                    await self._join(group)
        except _AWAY:
            return

    async def rings(self) -> AsyncIterator[bell.Ring]:
        """What arrives from now on, for ever."""
        layer = get_channel_layer()
        assert layer is not None
        channel = await self._opened
        while True:
            # Cancelling `receive` unsubscribes: it is never put under a timeout.
            message = await layer.receive(channel)
            self._heard_at = time.monotonic()
            if message["type"] != "bell":
                continue
            try:
                yield bell.ring_of(message)
            except msgspec.DecodeError:
                logger.warning("a message on the bus could not be read")

    async def _join(self, group: str) -> None:
        layer = get_channel_layer()
        if layer is None or self._channel is None:
            return
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await layer.group_add(group, self._channel)
        except _AWAY:
            return
        # Left again meanwhile, it is not ours any more.
        if group in self._wanted:
            self._joined.add(group)
