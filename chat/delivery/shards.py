"""Clients of the bus's shards, for all but its doorbells."""

from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

if TYPE_CHECKING:
    from netra.buses import Shard


def client_of(shard: "Shard", **options: Any) -> redis.Redis:
    """A client of a shard, which finds the primary anew where sentinels know it."""
    if not shard.sentinels:
        return redis.Redis.from_url(shard.url, **options)
    asked = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # so in redis
        shard.sentinels, sentinel_kwargs={**shard.sentinel_options, **options}
    )
    found: redis.Redis = asked.master_for(shard.service, **{**shard.options, **options})  # type: ignore[no-untyped-call]  # so in redis
    return found


def loop_client_of(shard: "Shard", **options: Any) -> redis.asyncio.Redis:
    """The same for the running loop."""
    if not shard.sentinels:
        return redis.asyncio.Redis.from_url(shard.url, **options)
    asked = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # so in redis
        shard.sentinels, sentinel_kwargs={**shard.sentinel_options, **options}
    )
    found: redis.asyncio.Redis = asked.master_for(shard.service, **{**shard.options, **options})
    return found
