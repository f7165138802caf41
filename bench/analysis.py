"""The built-in assistant's analysis of a large usage export, from the question to the answer."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from django.core.files.base import ContentFile

from accounts.models import User
from bench import servers
from bench.people import unlimited_people
from bench.table import Row, Wanted
from bench.wire import Socket
from chat import uploads
from chat.database import in_database
from netra import env

LINES: Final = 100_000
REPEATS: Final = 3
ENDS_WITHIN_S: Final = 60.0
MODELS: Final = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro")


async def rows() -> list[Row]:
    [person] = await in_database(unlimited_people, 1)
    # A socket of the bench gives each answer as it comes, without a pause.
    with (
        env.override(NETRA_ASSISTANT_TOKENS_PER_S="0"),
        servers.web("netra") as server,
        servers.worker(server),
    ):
        socket = await Socket.open(server.port, cookie=person.cookie)
        await socket.until("ready")
        took = [await _answered(socket, person.user, number) for number in range(REPEATS)]
        socket.close()
    return [
        Row(
            name=f"analysis of {LINES:,} lines of CSV, from `send` to the end of the answer",
            unit="ms",
            netra=took,
            wanted=(Wanted(bound="most", value=2000),),
        )
    ]


async def _answered(socket: Socket, user: User, number: int) -> float:
    file_id = await in_database(_stored, user)
    ended: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def on_frame(data: bytes) -> None:
        if b'"agent_completed"' in data and not ended.done():
            events = msgspec.json.decode(data)["events"]
            ended.set_result(events[-1]["data"])

    socket.on_frame = on_frame
    began = time.perf_counter()
    socket.send(
        type="send",
        client_id=f"analysis-{number}",
        thread_id=None,
        text="Where does the money go?",
        files=[file_id],
    )
    async with asyncio.timeout(ENDS_WITHIN_S):
        completed = await ended
    if completed["status"] != "completed":
        raise RuntimeError(f"the analysis ended {completed['status']}")
    return 1000 * (time.perf_counter() - began)


def _stored(user: User) -> str:
    content = ContentFile("\n".join(_lines()).encode())
    return uploads.store_file(user=user, name="usage.csv", content=content).public_id


def _lines() -> Iterator[str]:
    yield "timestamp,model,user,project,input_tokens,output_tokens,cost_usd,latency_ms"
    for n in range(LINES):
        day, hour, minute = 1 + n % 28, n % 24, n % 60
        yield (
            f"2026-10-{day:02}T{hour:02}:{minute:02}:00Z,{MODELS[n % 4]},user{n % 50},team{n % 7},"
            f"{500 + n % 1000},{50 + n % 300},{(1 + n % 97) / 1000:.3f},{300 + n * 7 % 2000}"
        )
