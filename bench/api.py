"""The API of a user with many threads, and its streams beside the socket."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Final

from accounts import own_tokens
from accounts.models import TokenScope
from bench import servers
from bench.people import Person, unlimited_people
from bench.servers import Server
from bench.sources import log_source
from bench.table import Rival, Row, Wanted, quantile
from chat import services
from chat.database import in_database
from chat.models import Thread
from netra.client import ChatConnection

THREADS: Final = 10_000
TURNS: Final = 50
REQUESTS: Final = 200
EVENTS: Final = 200
EVENT_EVERY_S: Final = 0.02
REPEATS: Final = 3
ENDS_WITHIN_S: Final = 60.0


async def rows() -> list[Row]:
    [person] = await in_database(unlimited_people, 1)
    thread = await in_database(_busy_account, person)
    token = await in_database(_token_of, person)
    with servers.web("netra") as server:
        paths = {
            "list of threads, 10 000 of one user, p95": "/api/threads",
            "read of a thread's messages, 50 questions, p95": (
                f"/api/threads/{thread.public_id}/messages"
            ),
        }
        async with asyncio.timeout(ENDS_WITHIN_S):
            asked = [
                Row(
                    name=name,
                    unit="ms",
                    netra=[await _asked(server, path, token) for _ in range(REPEATS)],
                    wanted=(Wanted(bound="most", value=50),),
                )
                for name, path in paths.items()
            ]
            timed = [await _timed(server, thread, token) for _ in range(REPEATS)]
    streams = Row(
        name="delivery by SSE, p95",
        unit="ms",
        netra=[by_stream for by_stream, _by_socket in timed],
        beside=Rival(name="socket", values=[by_socket for _by_stream, by_socket in timed]),
        wanted=(Wanted(bound="most", value=1.5, of="ratio"),),
    )
    return [*asked, streams]


def _busy_account(person: Person) -> Thread:
    """So many threads, one of which has been talked in."""
    Thread.objects.bulk_create(
        Thread(user=person.user, title=f"thread {n}") for n in range(THREADS - 1)
    )
    thread = person.new_thread()
    for n in range(TURNS):
        message = services.Outgoing(client_id=f"c{n}", text="hello", thread_id=thread.public_id)
        services.post_message(user=person.user, message=message)
    return thread


def _token_of(person: Person) -> str:
    return own_tokens.create_token(user=person.user, name="bench", scope=TokenScope.READ)[1]


async def _asked(server: Server, path: str, token: str) -> float:
    """Milliseconds of a request, p95, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    took = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        writer.write(_request(server, path, token))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        assert length is not None, head
        await reader.readexactly(int(length[1]))
        took.append(1000 * (time.perf_counter() - begun))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path} was answered {head[:40]!r}")
    writer.close()
    return quantile(took, 0.95)


async def _timed(server: Server, thread: Thread, token: str) -> tuple[float, float]:
    """Milliseconds from the hand-over to the bus, p95, by a stream and by a socket."""
    source = log_source(thread)
    handed: dict[int, float] = {}
    by_stream: dict[int, float] = {}
    by_socket: dict[int, float] = {}
    async with (
        _streamed(server, thread, token, by_stream),
        _on_socket(server, thread, token, by_socket),
    ):
        for _ in range(EVENTS):
            handed |= (await source(1)).handed
            await asyncio.sleep(EVENT_EVERY_S)
        await _until(lambda: handed.keys() <= by_stream.keys() & by_socket.keys())
    return (
        quantile([1000 * (by_stream[seq] - at) for seq, at in handed.items()], 0.95),
        quantile([1000 * (by_socket[seq] - at) for seq, at in handed.items()], 0.95),
    )


@asynccontextmanager
async def _streamed(
    server: Server, thread: Thread, token: str, arrived: dict[int, float]
) -> AsyncIterator[None]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(_request(server, f"/api/threads/{thread.public_id}/events", token))
    ready = asyncio.Event()

    async def read() -> None:
        async for line in reader:
            if line.startswith(b"data:"):
                at = time.perf_counter()
                arrived.update({event["seq"]: at for event in _events(line[5:])})
                ready.set()

    async with _beside(read()):
        await ready.wait()
        yield
    writer.close()


@asynccontextmanager
async def _on_socket(
    server: Server, thread: Thread, token: str, arrived: dict[int, float]
) -> AsyncIterator[None]:
    at = f"http://127.0.0.1:{server.port}"
    async with ChatConnection.open(at, token=token) as socket:
        await socket.until("ready")
        await socket.subscribe(thread.public_id, after_seq=None)
        await socket.until("snapshot")

        async def read() -> None:
            while True:
                frame = await socket.next(within_s=ENDS_WITHIN_S)
                at = time.perf_counter()
                arrived.update({event["seq"]: at for event in frame.get("events", ())})

        async with _beside(read()):
            yield


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _events(data: bytes) -> list[dict[str, int]]:
    events: list[dict[str, int]] = json.loads(data).get("events", [])
    return events


def _request(server: Server, path: str, token: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {token}\r\n"
        # As the proxy in front of a deployment tells.
        "X-Forwarded-Proto: https\r\n\r\n"
    ).encode()


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(EVENT_EVERY_S)
