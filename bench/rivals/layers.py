"""The channel layers as channels_redis has them, without anything of Netra's."""

from typing import Any, Final, Literal

from django.conf import settings
from django.utils.module_loading import import_string

Layer = Literal["plain", "core"]

BACKENDS: Final[dict[Layer, str]] = {
    "plain": "channels_redis.pubsub.RedisPubSubChannelLayer",
    "core": "channels_redis.core.RedisChannelLayer",
}
# The core layer drops what is above it, 100 by default, which all sockets of a process share: a
# bench could not count on a single event.
CORE_CAPACITY: Final = 1_000_000


def layer_of(layer: Layer) -> Any:
    """A new one, for a process or a sender."""
    return import_string(BACKENDS[layer])(**_options(layer))


def _options(layer: Layer) -> dict[str, Any]:
    address = {"address": settings.REDIS_URL}
    if layer == "core":
        # It waits five seconds for a message, and redis-py as long for any answer: whichever is
        # first, and every consumer would end with an error after five seconds of quiet.
        return {"hosts": [address | {"socket_timeout": None}], "capacity": CORE_CAPACITY}
    return {"hosts": [address]}
