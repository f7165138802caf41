"""This process's one channel of the channel layer, and the groups it has joined.

The channel listens at every shard of the bus, each of which may be away by itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

import msgspec
import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from chat.delivery import bell
from chat.delivery.layer import BusLayer

logger = structlog.get_logger(__name__)

# Longer than two pulses with a frozen database between them.
SILENCE_S: Final = 3.5
ANSWERS_WITHIN_S: Final = 1.0
# A shard that takes our beats and for so long brings none does not know of us any more.
DEAF_S: Final = 5.0
_AWAY: Final = (RedisError, OSError)


class Bus:
    """Every method runs on the process's one loop; none raises because the bus is away."""

    def __init__(self) -> None:
        self._channel: str | None = None
        self._opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # By shard, once the channel listens there.
        self._heard_at: dict[int, float] = {}
        self._renewed_at: dict[int, float] = {}
        # A group that could not be joined is tried again with every beat until it holds.
        self._wanted: set[str] = set()
        self._joined: set[str] = set()

    @property
    def is_up(self) -> bool:
        """Whether anything, our own beat at least, came lately by any shard."""
        return any(map(self._is_heard, self._heard_at))

    def is_in(self, group: str) -> bool:
        """Whether what is said to a group arrives here, as far as is known."""
        return group in self._joined and self.is_up

    def out_of_reach(self, thread_ids: Collection[str]) -> set[str]:
        """Those of some threads whose shard is not heard, or whose group is not joined yet.

        Mostly there are none, and then it is cheap.
        """
        layer = _layer()
        heard = [self._is_heard(shard) for shard in range(layer.shards)]
        missing = self._wanted - self._joined
        if all(heard) and not missing:
            return set()
        groups = {one: bell.thread_group(one) for one in thread_ids}
        return {
            one
            for one, group in groups.items()
            if group in missing or not heard[layer.shard_of(group)]
        }

    def _is_heard(self, shard: int) -> bool:
        return time.monotonic() - self._heard_at.get(shard, float("-inf")) < SILENCE_S

    async def join(self, group: str) -> None:
        """Be in a group when this returns, or once the bus is back: that is not waited for."""
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
        """Open the channel where it is not yet, send it signs of life, join what is missing."""
        layer = _layer()
        if self._channel is None:
            self._channel = layer.open_channel()
            self._opened.set_result(self._channel)
        missing: dict[int, list[str]] = {}
        for group in self._wanted - self._joined:
            missing.setdefault(layer.shard_of(group), []).append(group)
        # At the same time, since one that is frozen takes a second to be found out.
        await asyncio.gather(
            *(self._beat_by(number, missing.get(number, ())) for number in range(layer.shards))
        )

    async def _beat_by(self, shard: int, missing: Sequence[str]) -> None:
        layer = _layer()
        assert self._channel is not None
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                if shard not in self._heard_at:
                    await layer.listen(self._channel, shard=shard)
                    self._heard_at[shard] = time.monotonic()
                await layer.send_by(shard, self._channel, {"type": "beat", "shard": shard})
                await self._renew_if_deaf(shard)
                for group in missing:
                    await self._join(group)
        except _AWAY:
            return

    async def _renew_if_deaf(self, shard: int) -> None:
        # Cut while it is made, a connection counts as whole and nothing is subscribed over it.
        now = time.monotonic()
        if now - max(self._heard_at[shard], self._renewed_at.get(shard, 0.0)) > DEAF_S:
            self._renewed_at[shard] = now
            logger.warning("the bus takes messages and brings none: connecting anew", shard=shard)
            await _layer().renew(shard)

    async def rings(self) -> AsyncIterator[bell.Ring]:
        """What arrives from now on, for ever."""
        layer = _layer()
        channel = await self._opened
        while True:
            # Cancelling `receive` unsubscribes: it is never put under a timeout.
            message = await layer.receive(channel)
            if message["type"] == "beat":
                self._heard_at[message["shard"]] = time.monotonic()
            if message["type"] != "bell":
                continue
            try:
                ring = bell.ring_of(message)
            except msgspec.DecodeError:
                logger.warning("a message on the bus could not be read")
                continue
            self._heard_at[layer.shard_of(ring.group)] = time.monotonic()
            yield ring

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


def _layer() -> BusLayer:
    layer = get_channel_layer()
    assert isinstance(layer, BusLayer)
    return layer
