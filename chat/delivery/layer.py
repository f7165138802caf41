"""The channel layer, with a receiver that is back as soon as its bus is."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from math import inf
from typing import Any, Final
from uuid import uuid4

import structlog
from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from channels_redis.utils import _consistent_hash
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

logger = structlog.get_logger(__name__)

AGAIN_AFTER_S: Final = 0.1
CANCEL_AGAIN_S: Final = 0.1
CONNECTS_WITHIN_S: Final = 2.0
# Arguments and no keys: a channel is not a key, and lives on no shard of a cluster.
_PUBLISH_ALL: Final = "for n = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[n], ARGV[n + 1]) end"
_MESSAGE: Final = (b"message", "message")


@contextmanager
def _whole() -> Iterator[None]:
    """A connection that was cut under whoever uses it is away, whatever it says of that."""
    try:
        yield
    # Of uvloop where it is closed already, of redis where it was taken from under the other.
    except (RuntimeError, AttributeError) as error:
        raise RedisConnectionError(f"the connection is torn: {error}") from error


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: wait_for, deep in redis-py, can swallow one on 3.11."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _done, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)


class PromptShard(RedisSingleShardConnection):  # type: ignore[misc]  # channels_redis has no types
    """The connections to one shard: one to publish, and one line over which messages come.

    The receiver alone connects the line, reads it and joins anew what was joined; whoever joins
    or leaves only writes to it. The stock one lets all of them connect: two at once, or one that
    is cancelled half-way, leave a line that counts as whole and brings nothing.
    """

    def __init__(self, host: dict[str, Any], channel_layer: RedisPubSubLoopLayer) -> None:
        super().__init__(host, channel_layer)
        self._line: AbstractConnection | None = None
        self._has_line = asyncio.Event()

    async def connected(self) -> None:
        """Wait for the line, for as long as there is none: put it under a timeout."""
        self._ensure_receiver()
        await self._has_line.wait()

    async def subscribe(self, channel: str) -> None:
        """Hear a channel; raises at once where there is no line."""
        if self._line is None:
            raise RedisConnectionError("the bus is away")
        if channel in self._subscribed_to:
            return
        # Known before it is said: whether or not it is heard over this line, the next one joins it.
        self._subscribed_to.add(channel)
        await self._say("SUBSCRIBE", channel)

    async def unsubscribe(self, channel: str) -> None:
        if channel not in self._subscribed_to:
            return
        self._subscribed_to.discard(channel)
        # Without a line nothing is heard, and the next one does not join it.
        if self._line is not None:
            await self._say("UNSUBSCRIBE", channel)

    async def publish(self, channel: str, message: bytes) -> None:
        with _whole():
            await super().publish(channel, message)

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish many messages, each to its channel, in one command with one answer."""
        with _whole():
            async with self._lock:
                self._ensure_redis()
                await self._redis.eval(_PUBLISH_ALL, 0, *chain.from_iterable(messages))

    async def renew(self) -> None:
        """Give the line up for a new one, which joins all that was joined."""
        await self._stop_receiver()
        self._ensure_receiver()

    async def flush(self) -> None:
        """Close the connections; what comes later opens others."""
        await self._stop_receiver()
        await super().flush()

    async def _stop_receiver(self) -> None:
        receiver: asyncio.Task[None] | None = self._receive_task  # type: ignore[has-type]  # no types
        self._receive_task = None
        await end([] if receiver is None else [receiver])

    async def _say(self, *command: str) -> None:
        line = self._line
        # A line that is down would connect by itself here.
        if line is None or not line.is_connected:
            raise RedisConnectionError("the bus is away")
        with _whole():
            await line.send_command(*command, check_health=False)

    async def _do_receiving(self) -> None:
        is_away = False
        while True:
            try:
                line = await self._connected()
                is_away = False
                while True:
                    # A frozen bus is found out by the beat that does not come back.
                    self._take(await line.read_response(timeout=inf, push_request=True))
            except Exception as error:  # the outermost loop: nobody else would hear the bus again
                if not is_away:
                    logger.warning("the bus is away", reason=type(error).__name__)
                is_away = True
            finally:
                await self._hang_up()
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _connected(self) -> AbstractConnection:
        self._ensure_redis()
        line: AbstractConnection = self._redis.connection_pool.make_connection()
        # How often it is tried is decided here.
        line.retry = Retry(NoBackoff(), 0)
        try:
            async with asyncio.timeout(CONNECTS_WITHIN_S):
                await line.connect()  # type: ignore[no-untyped-call]  # so in redis
                if self._subscribed_to:
                    await line.send_command("SUBSCRIBE", *self._subscribed_to, check_health=False)
        except BaseException:
            await line.disconnect(nowait=True)
            raise
        self._line = line
        self._has_line.set()
        return line

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        self._has_line.clear()
        if line is not None:
            await line.disconnect(nowait=True)

    def _take(self, response: Any) -> None:
        if isinstance(response, list) and response[0] in _MESSAGE:
            self._receive_message({"channel": response[1], "data": response[2]})


class BusLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    """channels_redis's pub/sub layer on prompt connections, with many messages a write.

    Shards have numbers from 0; what happens to one shall be no matter to the others.
    """

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self._get_layer()._shards)

    def shard_of(self, group: str) -> int:
        """The number of the shard that carries a group."""
        layer = self._get_layer()
        number: int = _consistent_hash(layer._get_group_channel_name(group), len(layer._shards))
        return number

    def open_channel(self) -> str:
        """A channel of this process, which hears nothing until it listens."""
        channel = f"{self._get_layer().prefix}specific.{uuid4().hex}"
        self._get_layer().channels[channel] = asyncio.Queue()
        return channel

    async def listen(self, channel: str, *, shard: int) -> None:
        """Let a channel hear what is sent to it by a shard; waits for that, without end."""
        connection = self._get_layer()._shards[shard]
        await connection.connected()
        await connection.subscribe(channel)

    async def renew(self, shard: int) -> None:
        """Make the connection anew over which a shard's messages come."""
        await self._get_layer()._shards[shard].renew()

    async def send_by(self, shard: int, channel: str, message: dict[str, Any]) -> None:
        """Send a message to a channel by a shard of the sender's choice."""
        await self._get_layer()._shards[shard].publish(channel, self.serialize(message))

    async def group_send_all(
        self, shard: int, messages: Sequence[tuple[str, dict[str, Any]]]
    ) -> None:
        """Send each message to all subscribers of its group, of those that the shard carries."""
        layer = self._get_layer()
        await layer._shards[shard].publish_all(
            [
                (layer._get_group_channel_name(group), self.serialize(message))
                for group, message in messages
            ]
        )

    def _get_layer(self) -> RedisPubSubLoopLayer:
        is_new = asyncio.get_running_loop() not in self._layers
        layer = super()._get_layer()
        if is_new:
            layer._shards = [PromptShard(shard.host, layer) for shard in layer._shards]
        return layer
