"""The channel layer, with a receiver that is back as soon as its bus is."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import structlog
from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

RECEIVE_S: Final = 0.1
AGAIN_AFTER_S: Final = 0.1
# Arguments and no keys: a channel is not a key, and lives on no shard of a cluster.
_PUBLISH_ALL: Final = "for n = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[n], ARGV[n + 1]) end"


class PromptShard(RedisSingleShardConnection):  # type: ignore[misc]  # channels_redis has no types
    """One connection to the bus; the stock one sleeps a second after each failure."""

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish many messages, each to its channel, in one command with one answer."""
        async with self._lock:
            self._ensure_redis()
            await self._redis.eval(_PUBLISH_ALL, 0, *chain.from_iterable(messages))

    async def _do_receiving(self) -> None:
        is_away = False
        while True:
            try:
                if self._pubsub is None or not self._pubsub.subscribed:
                    await asyncio.sleep(RECEIVE_S)
                    continue
                message = await self._pubsub.get_message(
                    ignore_subscribe_messages=True, timeout=RECEIVE_S
                )
            except (RedisError, OSError) as error:
                if not is_away:
                    logger.warning("the bus is away", reason=type(error).__name__)
                is_away = True
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            is_away = False
            self._receive_message(message)


class BusLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    """channels_redis's pub/sub layer on prompt connections, with many messages a write."""

    async def group_send_all(self, messages: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Send each message to all subscribers of its group; those of one group stay in order."""
        layer = self._get_layer()
        of_shards: dict[PromptShard, list[tuple[str, bytes]]] = {}
        for group, message in messages:
            channel = layer._get_group_channel_name(group)
            shard = layer._get_shard(channel)
            of_shards.setdefault(shard, []).append((channel, self.serialize(message)))
        for shard, batch in of_shards.items():
            await shard.publish_all(batch)

    def _get_layer(self) -> RedisPubSubLoopLayer:
        is_new = asyncio.get_running_loop() not in self._layers
        layer = super()._get_layer()
        if is_new:
            layer._shards = [PromptShard(shard.host, layer) for shard in layer._shards]
        return layer
