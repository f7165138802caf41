"""`/health/live`: the process answers. `/health/ready`: so do the things it needs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg
import redis.exceptions
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat import consumers
from chat.delivery.shards import loop_client_of
from netra.buses import Shard

CHECK_WITHIN_S: Final = 1.0
FRESH_FOR_S: Final = 1.0
HEARTBEAT_WITHIN_S: Final = 4.0  # workers write theirs once a second
# What a dependency that is away makes its client raise.
AWAY: Final = (OSError, psycopg.Error, redis.exceptions.RedisError)


class CheckFailedError(Exception):
    """The dependency answers, but not as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found, when (monotonic seconds), and how long it took (milliseconds)."""

    ok: bool
    ms: float
    at: float


class Probe:
    """Runs a check at most once a second, once at a time, and answers within a second."""

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check
        self._last: Finding | None = None
        self._task: asyncio.Task[Finding] | None = None

    async def finding(self) -> Finding:
        if self._last is not None and time.monotonic() - self._last.at < FRESH_FOR_S:
            return self._last
        task = self._running()
        done, _ = await asyncio.wait({task}, timeout=CHECK_WITHIN_S)
        if done and not task.cancelled():
            self._last = task.result()
        else:
            # Not awaited: a driver may take seconds to give up on a server that is frozen.
            task.cancel()
            self._last = Finding(ok=False, ms=CHECK_WITHIN_S * 1000, at=time.monotonic())
        return self._last

    def _running(self) -> asyncio.Task[Finding]:
        loop = asyncio.get_running_loop()
        task = self._task
        # Another loop's task (under a synchronous server each request has its own) is no use here.
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._task = loop.create_task(self._find())
        return task

    async def _find(self) -> Finding:
        began = time.monotonic()
        try:
            await self._check()
            ok = True
        except (*AWAY, CheckFailedError):
            ok = False
        now = time.monotonic()
        return Finding(ok=ok, ms=round((now - began) * 1000, 1), at=now)


async def _answer(query: LiteralString, *values: object) -> object:
    # A connection of its own: the pool may be empty because the application is busy, and a new
    # connection is what tells whether the server takes any.
    parameters = connections["default"].get_connection_params()
    for name in ("context", "cursor_factory"):
        parameters.pop(name, None)  # Django's, for its synchronous cursors
    parameters["connect_timeout"] = 2  # the least that libpq knows
    connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
    async with connection:
        cursor = await connection.execute(query, values)
        row = await cursor.fetchone()
    return row and row[0]


async def check_database() -> None:
    await _answer("SELECT 1")


async def check_worker() -> None:
    """Raises CheckFailedError when no worker has shown a sign of life lately."""
    alive = await _answer(
        "SELECT max(last_heartbeat) > now() - make_interval(secs => %s) FROM procrastinate_workers",
        HEARTBEAT_WITHIN_S,
    )
    if alive is not True:
        raise CheckFailedError


async def check_bus() -> None:
    """Raises what the first shard raises, where none answers: one that is left is enough."""
    found = await asyncio.gather(*map(_ping, settings.BUS), return_exceptions=True)
    if None not in found:
        assert isinstance(found[0], BaseException)
        raise found[0]


async def _ping(shard: Shard) -> None:
    async with loop_client_of(
        shard, socket_timeout=CHECK_WITHIN_S, socket_connect_timeout=CHECK_WITHIN_S
    ) as client:
        await client.ping()


PROBES: Final = {
    "database": Probe(check_database),
    "bus": Probe(check_bus),
    "worker": Probe(check_worker),
}


@require_safe
@never_cache
async def live(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
async def ready(_request: HttpRequest) -> JsonResponse:
    # The balancer is to send nobody here any more.
    if consumers.NODE.draining:
        return JsonResponse({"status": "draining"}, status=503)
    findings = await asyncio.gather(*(probe.finding() for probe in PROBES.values()))
    checks = {
        name: {"ok": finding.ok, "ms": finding.ms}
        for name, finding in zip(PROBES, findings, strict=True)
    }
    healthy = all(finding.ok for finding in findings)
    status = "ok" if healthy else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if healthy else 503)
