"""The channel layer, with a receiver that is back as soon as its bus is."""

import asyncio
from typing import Final

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


class PromptShard(RedisSingleShardConnection):  # type: ignore[misc]  # channels_redis has no types
    """One connection to the bus; the stock one sleeps a second after each failure."""

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
    """channels_redis's pub/sub layer on prompt connections."""

    def _get_layer(self) -> RedisPubSubLoopLayer:
        is_new = asyncio.get_running_loop() not in self._layers
        layer = super()._get_layer()
        if is_new:
            layer._shards = [PromptShard(shard.host, layer) for shard in layer._shards]
        return layer
