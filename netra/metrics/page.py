"""`/metrics`, before Django: what scrapes names none of our hosts and speaks no TLS."""

import asyncio
import hmac
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from django.conf import settings
from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from chat.database import in_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from netra.metrics.deployment import Facts

PATH: Final = "/metrics"
# The database is asked this often at most, however many look.
FACTS_FRESH_FOR_S: Final = 5.0
# A scrape is to tell of the process while the database hangs.
FACTS_WITHIN_S: Final = 2.0


class Kind(Protocol):
    """A module that says what a process of its kind tells of itself."""

    def own_families(self) -> "Iterator[Metric]": ...


class MetricsPage:
    """An ASGI application that answers `GET /metrics` to who has the token, to others 404.

    Without a token it answers in development only.
    """

    def __init__(self, kind: str) -> None:
        # Its name, since neither it nor the library is imported before the first look.
        self._kind = kind
        self._asking: asyncio.Task[Facts | None] | None = None
        self._facts: Facts | None = None
        self._asked_at = float("-inf")

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["method"] != "GET" or scope["path"] != PATH or not _may_look(scope):
            await _answer(send, 404, b"text/plain", b"Not found\n")
            return
        facts = await self._known_facts()
        # Beside the loop: a process may have thousands of sockets to count.
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(None, _written, self._kind, facts)
        await _answer(send, 200, b"text/plain; version=0.0.4; charset=utf-8", body)

    async def _known_facts(self) -> "Facts | None":
        """What the database says, or said a moment ago; None while it is away or too slow."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._asked_at < FACTS_FRESH_FOR_S:
            return self._facts
        if self._asking is None or self._asking.done() or self._asking.get_loop() is not loop:
            self._asking = loop.create_task(self._ask())
        # Not cancelled: a thread that waits for a frozen server cannot be, and one is enough.
        done, _ = await asyncio.wait({self._asking}, timeout=FACTS_WITHIN_S)
        return self._asking.result() if done else None

    async def _ask(self) -> "Facts | None":
        try:
            self._facts = await in_database(_read_facts)
        except (DatabaseError, PoolTimeout):
            self._facts = None
        self._asked_at = asyncio.get_running_loop().time()
        return self._facts


def _read_facts() -> "Facts":
    return cast("Facts", import_module("netra.metrics.deployment").read_facts())


def _written(kind: str, facts: "Facts | None") -> bytes:
    own = cast(Kind, import_module(kind)).own_families()
    return cast(bytes, import_module("netra.metrics.exposition").written(own, facts))


def _may_look(scope: Any) -> bool:
    token = settings.NETRA_METRICS_TOKEN.reveal()
    if not token:
        return not settings.DEPLOYED
    shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return hmac.compare_digest(shown, b"Bearer " + token.encode())


async def _answer(send: Any, status: int, kind: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
