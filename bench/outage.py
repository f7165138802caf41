"""Valkey is killed under streaming sockets, and comes back."""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from django.conf import settings

from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.table import Row, Wanted
from bench.wire import Socket
from chat.database import in_database
from netra import env
from netra.engines import Valkey, wait_until_ready
from netra.processes import end, spawn
from tests.fakes.openai_server import FakeOpenAI, Say

PEOPLE: Final = 10
SOCKETS_EACH: Final = 5
OUT_S: Final = 10.0
# What streams before the bus goes, and after it is back.
AROUND_S: Final = 5.0
PIECE_EVERY_S: Final = 0.05
# Three pieces as the model sends them.
FIFTEEN: Final = "and so it goes "
# Text that streams comes many times a second; what is read from checkpoints, every half second.
LIVE_GAP_S: Final = 0.25
ENDS_WITHIN_S: Final = 60.0
ASKED_EVERY_S: Final = 0.01


class Bus:
    """A Valkey that can be killed and started again where it was."""

    def __init__(self, var: Path) -> None:
        self.engine = Valkey(var)
        self.engine.prepare()
        self._process = spawn(self.engine.program)
        wait_until_ready(self.engine, self._process)

    async def be_away(self, for_s: float) -> float:
        """Die, come back; gives the moment from which it answered."""
        self._process.kill()
        self._process.wait()
        await asyncio.sleep(for_s)
        self._process = spawn(self.engine.program)
        while not self.engine.answers():
            await asyncio.sleep(ASKED_EVERY_S)
        return time.perf_counter()

    def stop(self) -> None:
        end(self._process, self.engine.program)


class Reader:
    """One socket on a thread whose answer streams; counts what does not join."""

    def __init__(self, socket: Socket) -> None:
        self.lost = 0
        self.ended = asyncio.Event()
        self.texts_at: list[float] = []
        # When the bus was said to be away or back.
        self.told_at: list[float] = []
        self.thread_id = ""
        self._socket = socket
        self._last = 0
        self._text = ""
        socket.on_frame = self._on_frame

    @property
    def closed(self) -> bool:
        return not self._socket.is_open

    def ask(self) -> None:
        self._socket.send(
            type="send", client_id="story", thread_id=None, text="Tell me a long story."
        )

    def follow(self, thread_id: str) -> None:
        self._socket.send(type="subscribe", thread_id=thread_id, after_seq=0)

    def confirm(self) -> None:
        self._socket.send(type="seen", heads={self.thread_id: self._last}, bytes=self._socket.bytes)

    def leave(self) -> None:
        self._socket.close()

    def live_from(self, since: float) -> float:
        """When text first streamed again after `since`; infinite for never."""
        pairs = zip(self.texts_at, self.texts_at[1:], strict=False)
        return next((a for a, b in pairs if a > since and b - a < LIVE_GAP_S), math.inf)

    def _on_frame(self, data: bytes) -> None:
        frame = msgspec.json.decode(data)
        if frame["type"] == "events":
            self.thread_id = frame["thread_id"]
            for event in frame["events"]:
                self._on_event(event)
        elif frame["type"] == "state":
            self.told_at.append(time.perf_counter())
        elif frame["type"] == "delta":
            self.texts_at.append(time.perf_counter())
            held = self._text[: frame["offset"]]
            self.lost += len(held) < frame["offset"]
            self._text = held + frame["text"]

    def _on_event(self, event: dict[str, Any]) -> None:
        # A gap is lost events; a repeat is one too many.
        self.lost += event["seq"] != self._last + 1
        self._last = event["seq"]
        data = event["data"]
        if event["type"] == "message_created" and data["role"] == "assistant":
            self.lost += not data["text"].startswith(self._text)
        elif event["type"] == "agent_completed":
            self.lost += data["status"] != "completed"
            self.ended.set()


async def rows() -> list[Row]:
    crowd = await in_database(unlimited_people, PEOPLE)
    with _bus() as bus, FakeOpenAI() as model:
        pieces = int((OUT_S + 2 * AROUND_S) / PIECE_EVERY_S)
        model.will(*[Say(FIFTEEN * (pieces // 3), pause_s=PIECE_EVERY_S)] * PEOPLE)
        with (
            env.override(
                REDIS_URL=bus.engine.url, NETRA_MODEL_URL=model.url, NETRA_MODEL_NAME="storyteller"
            ),
            servers.web("netra") as server,
            servers.worker(server),
        ):
            followed = await asyncio.gather(*(_streaming(server, person) for person in crowd))
            readers = [reader for own in followed for reader in own]
            back_at = await _endured(bus, readers)
    told_s = max(reader.told_at[-1] for reader in readers) - back_at
    healed_s = max(reader.live_from(back_at) for reader in readers) - back_at
    name = f"bus away for {OUT_S:.0f} s under {len(readers)} streaming sockets"
    none = (Wanted(bound="most", value=0),)
    return [
        Row(
            name=f"{name}: lost", unit="frames",
            netra=[sum(reader.lost for reader in readers)], wanted=none,
        ),
        Row(
            name="of them closed", unit="sockets",
            netra=[sum(reader.closed for reader in readers)], wanted=none,
        ),
        Row(name="all told of its return", unit="s", netra=[told_s]),
        Row(
            name="all stream again after its return", unit="s", netra=[healed_s],
            wanted=(Wanted(bound="most", value=1),),
        ),
    ]  # fmt: skip


@contextmanager
def _bus() -> Iterator[Bus]:
    var = Path(settings.VAR_DIR) / "outage"
    var.mkdir()
    bus = Bus(var)
    try:
        yield bus
    finally:
        bus.stop()


async def _streaming(server: Server, person: Person) -> list[Reader]:
    """One person's sockets, all on the thread of an answer that has begun to stream."""
    readers = []
    for _ in range(SOCKETS_EACH):
        socket = await Socket.open(server.port, cookie=person.cookie)
        await socket.until("ready")
        readers.append(Reader(socket))
    asking, *others = readers
    asking.ask()
    while not asking.texts_at:
        await asyncio.sleep(PIECE_EVERY_S)
    for reader in others:
        reader.follow(asking.thread_id)
    return readers


async def _endured(bus: Bus, readers: Sequence[Reader]) -> float:
    """Take the bus away from the readers, until every answer has ended; when it was back."""
    confirming = asyncio.create_task(_confirm(readers))
    await asyncio.sleep(AROUND_S / 2)
    back_at = await bus.be_away(OUT_S)
    async with asyncio.timeout(ENDS_WITHIN_S):
        await asyncio.gather(*(reader.ended.wait() for reader in readers))
    confirming.cancel()
    return back_at


async def _confirm(readers: Sequence[Reader]) -> None:
    while True:
        await asyncio.sleep(1)
        for reader in readers:
            reader.confirm()
