"""A proxy on 127.0.0.1 between a process and its Valkey that loses what is published, by plan.

    async with BellProxy(settings.REDIS_URL, seed=7) as bus:
        ...  # a process with bus.url as its REDIS_URL
        bus.faults = BellFaults(drop=0.5)  # from now on

Commands and their answers pass unharmed; only messages to subscribers of groups are lost, doubled
or late. The beats by which a process knows that its bus lives are spared unless `beats` says so.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.fakes.relay import LateWrites, Link, Relay, Streams, pass_on

REDIS_PORT: Final = 6379
# RESP 2 and 3: an array, or a push, of the word, the channel and the content.
MESSAGES: Final = (b"*3\r\n$7\r\nmessage\r\n", b">3\r\n$7\r\nmessage\r\n")
GROUP: Final = b"__group__"
# Ahead of the content, which may hold anything: the word and a channel's name.
NAMES_BYTES: Final = 200
WITH_BODY: Final = b"$!="
WITH_PARTS: Final = b"*>~%"


@dataclass(frozen=True, slots=True, kw_only=True)
class BellFaults:
    """How likely each fate of a published message is; together at most 1."""

    drop: float = 0.0
    repeat: float = 0.0
    late: float = 0.0
    beats: bool = False
    pause_s_max: float = 0.4

    def __post_init__(self) -> None:
        assert self.drop + self.repeat + self.late <= 1


CALM: Final = BellFaults()


class BellProxy(Relay):
    """Carries RESP, and published messages as `faults` has it."""

    def __init__(self, redis_url: str, *, seed: int = 0, faults: BellFaults = CALM) -> None:
        super().__init__(dial=self._dial_valkey, up=_up, down=self._down)
        self.faults = faults
        self.counts: Counter[str] = Counter()
        self._upstream = urlsplit(redis_url)
        self._seed = seed

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def _dial_valkey(self) -> Streams:
        if self._upstream.scheme == "unix":
            return await asyncio.open_unix_connection(unquote(self._upstream.path))
        return await asyncio.open_connection(
            self._upstream.hostname, self._upstream.port or REDIS_PORT
        )

    async def _down(self, link: Link) -> None:
        chance = random.Random(f"{self._seed}/{link.number}")
        late = LateWrites(link.to_client)
        try:
            while True:
                reply = await _next_reply(link.from_server)
                if self._may_harm(reply) and not late.is_full:
                    self._harm(link, reply, chance, late)
                else:
                    link.to_client.write(reply)
                await link.to_client.drain()
        finally:
            late.drop()

    def _may_harm(self, reply: bytes) -> bool:
        is_published = reply.startswith(MESSAGES)
        return is_published and (self.faults.beats or GROUP in reply[:NAMES_BYTES])

    def _harm(self, link: Link, message: bytes, chance: random.Random, late: LateWrites) -> None:
        faults = self.faults
        chances = (faults.drop, faults.repeat, faults.late)
        fates = ("drop", "repeat", "late", "pass")
        fate = chance.choices(fates, (*chances, 1 - sum(chances)))[0]
        self.counts[fate] += 1
        if fate in ("repeat", "late"):
            late.write_in(chance.uniform(0, faults.pause_s_max), message)
        if fate in ("repeat", "pass"):
            link.to_client.write(message)


async def _up(link: Link) -> None:
    await pass_on(link.from_client, link.to_server)


async def _next_reply(reader: asyncio.StreamReader) -> bytes:
    """One whole reply as it is on the wire, with the replies inside it."""
    line = await reader.readuntil(b"\r\n")
    count = int(line[1:-2]) if line[:1] in WITH_BODY + WITH_PARTS else 0
    if line[:1] in WITH_BODY and count >= 0:
        return line + await reader.readexactly(count + len(b"\r\n"))
    parts = 2 * count if line[:1] == b"%" else count
    if line[:1] in WITH_PARTS:
        return line + b"".join([await _next_reply(reader) for _ in range(parts)])
    return line
