"""A server that breaks one rule of the protocol: a proxy on localhost before one that keeps all."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from netra.client.connection import open_socket

Frame = dict[str, Any]
SUBPROTOCOL: Final = Subprotocol("netra.v1")
LOST: Final = 1006


def same(frame: Frame) -> list[Frame]:
    return [frame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """What becomes of frames on their way, and of close codes."""

    # The check that must notice it.
    noticed_by: str
    up: Callable[[Frame], list[Frame]] = same
    down: Callable[[Frame], list[Frame]] = same
    codes: tuple[int, int] = (0, 0)
    drops_early: bool = False


@asynccontextmanager
async def broken(base_url: str, breach: Breach) -> AsyncIterator[str]:
    """The address of a server that breaks a rule."""

    async def visit(socket: ServerConnection) -> None:
        assert socket.request is not None
        headers, own = socket.request.headers, f"127.0.0.1:{socket.local_address[1]}"
        origin = (headers.get("Origin") or "").replace(own, urlsplit(base_url).netloc)
        opened = open_socket(
            base_url,
            cookie=headers.get("Cookie") or "",
            origin=origin,
            subprotocol=headers.get("Sec-WebSocket-Protocol") or "",
        )
        async with opened as server:
            await _exchange(socket, server, breach)

    def agreed(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return SUBPROTOCOL if SUBPROTOCOL in offered else None

    async with serve(visit, "127.0.0.1", 0, select_subprotocol=agreed) as running:
        yield f"http://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"


async def _exchange(socket: ServerConnection, server: ClientConnection, breach: Breach) -> None:
    is_ready = asyncio.Event()

    async def downwards() -> None:
        async for text in server:
            for frame in breach.down(json.loads(text)):
                await socket.send(json.dumps(frame))
            if json.loads(text)["type"] == "ready":
                is_ready.set()

    async def upwards() -> None:
        async for text in socket:
            if breach.drops_early and not is_ready.is_set():
                continue
            for passed in _passed(text, breach):
                await server.send(passed)

    tasks = [asyncio.create_task(downwards()), asyncio.create_task(upwards())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    code = server.close_code or LOST
    told, instead = breach.codes
    for task in tasks:
        task.cancel()
        with contextlib.suppress(ConnectionClosed, asyncio.CancelledError):
            await task
    if code != LOST:
        await socket.close(instead if code == told else code)


def _passed(text: str | bytes, breach: Breach) -> list[str | bytes]:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    if not isinstance(frame, dict) or "type" not in frame:
        return [text]
    passed = breach.up(frame)
    return [text] if passed == [frame] else [json.dumps(one) for one in passed]


def of_type(kind: str, **changes: Any) -> Callable[[Frame], list[Frame]]:
    """Frames of that type with other fields; one that is None is left out."""

    def change(frame: Frame) -> list[Frame]:
        if frame["type"] != kind:
            return [frame]
        changed = frame | changes
        return [
            {name: value for name, value in changed.items() if changes.get(name, 1) is not None}
        ]

    return change


def of_event(kind: str, **changes: Any) -> Callable[[Frame], list[Frame]]:
    """Events of that type with other data."""

    def change(frame: Frame) -> list[Frame]:
        for event in frame.get("events", ()):
            if event["type"] == kind:
                event["data"] |= changes
        return [frame]

    return change


def without(kind: str) -> Callable[[Frame], list[Frame]]:
    return lambda frame: [] if frame["type"] == kind else [frame]


def twice(kind: str) -> Callable[[Frame], list[Frame]]:
    return lambda frame: [frame] * (2 if frame["type"] == kind else 1)


def torn(frame: Frame) -> list[Frame]:
    """Without the thoughts of an answer."""
    if frame["type"] != "events":
        return [frame]
    left = [event for event in frame["events"] if event["type"] != "agent_thinking"]
    return [frame | {"events": left}] if left else []


def turned_round(frame: Frame) -> list[Frame]:
    return [frame | {"events": frame["events"][::-1]}] if frame["type"] == "events" else [frame]


def moved(frame: Frame) -> list[Frame]:
    """Pieces of text one further on than they are."""
    is_later = frame["type"] == "delta" and frame["offset"] > 0
    return [frame | {"offset": frame["offset"] + 1}] if is_later else [frame]


def too_early(frame: Frame) -> list[Frame]:
    """One event more than was asked for."""
    after_seq = frame.get("after_seq")
    return [frame | {"after_seq": after_seq - 1}] if after_seq else [frame]


def told_apart(frame: Frame) -> list[Frame]:
    """A thread that is there, and one that is not, by the words of the refusal."""
    is_there = frame["type"] == "subscribe" and len(str(frame.get("thread_id"))) > 20
    return [frame | {"thread_id": ""}] if is_there else [frame]


BREACHES: Final[Mapping[str, Breach]] = {
    "an event is lost": Breach(noticed_by="runs.gap_free", down=torn),
    "events come twice": Breach(noticed_by="runs.gap_free", down=twice("events")),
    "events are turned round": Breach(noticed_by="runs.brackets", down=turned_round),
    "text begins elsewhere": Breach(noticed_by="runs.deltas_add_up", down=moved),
    "another hash": Breach(
        noticed_by="runs.length_and_hash", down=of_event("message_completed", sha256="0" * 64)
    ),
    "no services": Breach(
        noticed_by="handshake.welcome_then_ready", down=of_type("ready", services=None)
    ),
    "empty entitlements": Breach(noticed_by="whole.shapes", down=of_type("ready", entitlements={})),
    "no ping is answered": Breach(
        noticed_by="following.heads_of_followed_threads", up=without("ping")
    ),
    "early frames are lost": Breach(noticed_by="handshake.early_frames", drops_early=True),
    "another close code": Breach(noticed_by="handshake.foreign_origin", codes=(4503, 4501)),
    "foreign threads are told apart": Breach(noticed_by="following.foreign_thread", up=told_apart),
    "answered twice": Breach(noticed_by="sends.repeated", down=twice("ack")),
    "a repetition is no duplicate": Breach(
        noticed_by="sends.repeated", down=of_type("ack", duplicate=False)
    ),
    "too much is replayed": Breach(noticed_by="following.replay", up=too_early),
    "who has left still hears": Breach(
        noticed_by="following.unsubscribe", up=without("unsubscribe")
    ),
    "nobody hears of typing": Breach(noticed_by="following.typing", down=without("typing")),
    "a stop that stops nothing": Breach(noticed_by="runs.stop", up=without("stop")),
    "no run is active": Breach(noticed_by="runs.queue", down=of_type("snapshot", active_run=False)),
}
