"""A proxy on 127.0.0.1 that harms WebSockets: frames are lost, doubled or late, and links are cut.

    async with FaultProxy(web.port, seed=7) as proxy:
        ...  # clients use proxy.base_url as they would the server's
        proxy.faults = Faults(drop=0.1, cut=0.02)  # from now on
        proxy.upstream = other_web.port  # for connections from now on
        proxy.cut_all()

What it does to each frame is drawn from the seed and the number of the connection. A client's
`seen` is corrected by what the proxy has taken and added: flow control is about clients that do not
read, and would take a client for one that has no way to know what it missed.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

import msgspec

from tests.fakes.relay import LateWrites, Link, Relay, Streams, pass_on
from tests.fakes.socket_frames import Frame, masked_text, next_frame

# What carries a thread's content, and the heads that tell what is missing of it. Everything else
# is said once and healed by nothing but a new connection, so it is lost only by a cut.
CONTENT: Final = frozenset({"events", "delta", "snapshot", "pong"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How likely each fate of a frame is; together at most 1, the rest passes unharmed."""

    drop: float = 0.0
    repeat: float = 0.0  # comes at once and again, at once or late
    late: float = 0.0  # comes after others that were sent after it
    stall: float = 0.0  # keeps back everything behind it, too
    cut: float = 0.0  # ends the connection at some byte of the frame, or of what the client sends
    pause_s_max: float = 0.4
    kinds: frozenset[str] = CONTENT

    def __post_init__(self) -> None:
        assert self.drop + self.repeat + self.late + self.stall + self.cut <= 1


FATES: Final = ("drop", "repeat", "late", "stall", "cut")
CALM: Final = Faults()


class Onlooker:
    """Is told of each WebSocket what passes over it, before anything is done to it."""

    def opened(self, link: Link, head: bytes) -> None:
        """A client asks for a WebSocket."""

    def said(self, link: Link, frame: Frame) -> None:
        """The client sent it."""

    def heard(self, link: Link, frame: Frame) -> None:
        """The server sent it."""

    def ended(self, link: Link) -> None:
        """Nothing comes any more, from the client at least."""


class FaultProxy(Relay):
    """Carries HTTP as it is, and WebSocket frames from the server as `faults` has it."""

    def __init__(
        self,
        upstream: int,
        *,
        seed: int = 0,
        faults: Faults = CALM,
        onlooker: Onlooker | None = None,
    ) -> None:
        super().__init__(dial=self._dial_web, up=self._up, down=self._down)
        self._onlooker = onlooker or Onlooker()
        self.upstream = upstream
        self.faults = faults
        self.counts: Counter[str] = Counter()
        # Bytes of frames that a connection's client was not given, less those it was given twice.
        self._taken: Counter[int] = Counter()
        self._seed = seed
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """Pass nothing on in either direction, as a network that is gone without a word."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def _dial_web(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.upstream)

    async def _up(self, link: Link) -> None:
        chance = random.Random(f"{self._seed}/{link.number}/up")
        head = await link.from_client.readuntil(b"\r\n\r\n")
        await self._flowing.wait()
        link.to_server.write(head)
        if b"upgrade: websocket" not in head.lower():
            await pass_on(link.from_client, link.to_server)
            return
        self._onlooker.opened(link, head)
        try:
            await self._up_frames(link, chance)
        finally:
            self._onlooker.ended(link)

    async def _up_frames(self, link: Link, chance: random.Random) -> None:
        while True:
            frame = await next_frame(link.from_client)
            self._onlooker.said(link, frame)
            await self._flowing.wait()
            if frame.kind == "seen":
                frame = self._corrected(frame, link)
            if chance.random() < self.faults.cut:
                self._cut(link, link.to_server, frame.raw[: chance.randrange(len(frame.raw))])
                return
            link.to_server.write(frame.raw)
            await link.to_server.drain()

    def _corrected(self, seen: Frame, link: Link) -> Frame:
        said = msgspec.json.decode(seen.payload)
        said["bytes"] += self._taken[link.number]
        return masked_text(msgspec.json.encode(said))

    async def _down(self, link: Link) -> None:
        head = await link.from_server.readuntil(b"\r\n\r\n")
        link.to_client.write(head)
        if b" 101 " not in head.partition(b"\r\n")[0]:
            await pass_on(link.from_server, link.to_client)
            return
        late = LateWrites(link.to_client)
        chance = random.Random(f"{self._seed}/{link.number}/down")
        try:
            while True:
                frame = await next_frame(link.from_server)
                self._onlooker.heard(link, frame)
                await self._flowing.wait()
                if frame.kind not in self.faults.kinds:
                    link.to_client.write(frame.raw)
                elif not await self._harm(link, frame, chance, late):
                    return
                await link.to_client.drain()
        finally:
            late.drop()

    async def _harm(
        self, link: Link, frame: Frame, chance: random.Random, late: LateWrites
    ) -> bool:
        """Let its fate happen to a frame; False when that was the end of the link."""
        faults = self.faults
        chances = [getattr(faults, fate) for fate in FATES]
        fate = chance.choices((*FATES, "pass"), (*chances, 1 - sum(chances)))[0]
        pause_s = chance.uniform(0, faults.pause_s_max)
        if fate in ("repeat", "late") and late.is_full:
            fate = "pass"
        if fate != "cut":
            self.counts[fate] += 1
        match fate:
            case "drop":
                self._taken[link.number] += len(frame.payload)
                return True
            case "cut":
                self._cut(link, link.to_client, frame.raw[: chance.randrange(len(frame.raw))])
                return False
            case "late":
                late.write_in(pause_s, frame.raw)
                return True
            case "repeat":
                self._taken[link.number] -= len(frame.payload)
                late.write_in(pause_s * chance.randrange(2), frame.raw)
            case "stall":
                await asyncio.sleep(pause_s)
        link.to_client.write(frame.raw)
        return True

    def _cut(self, link: Link, writer: asyncio.StreamWriter, last_bytes: bytes) -> None:
        self.counts["cut"] += 1
        writer.write(last_bytes)
        link.cut()
