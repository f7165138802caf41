"""Readiness, against dependencies that are there, away, frozen or late."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from django.db import connection, connections
from django.test import RequestFactory
from pytest_django import Settings

from chat.consumers import NODE
from netra import engines, health, processes
from netra.buses import shards_of
from netra.engines import Engine, Postgres, Valkey
from netra.health import Probe

# A check has a second; the rest is for a busy machine. The promise is five seconds.
PROMPT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Engines of the test's own, which it may stop, freeze and kill."""

    postgres: Postgres
    valkey: Valkey
    process_of: dict[str, Popen[bytes]]

    def start(self, engine: Engine) -> None:
        engine.prepare()
        process = self.process_of[engine.name] = processes.spawn(engine.program)
        engines.wait_until_ready(engine, process)

    def signal(self, engine: Engine, number: signal.Signals) -> None:
        self.process_of[engine.name].send_signal(number)

    def stop(self, engine: Engine) -> None:
        processes.end(self.process_of[engine.name], engine.program)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    var = tmp_path_factory.mktemp("health")
    servers = Servers(postgres=Postgres(var, durable=False), valkey=Valkey(var), process_of={})
    for engine in (servers.postgres, servers.valkey):
        servers.start(engine)
    yield servers
    for engine in (servers.postgres, servers.valkey):
        servers.signal(engine, signal.SIGCONT)
        servers.stop(engine)


@pytest.fixture
def pointed_there(servers: Servers, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Servers:
    monkeypatch.setattr(health, "FRESH_FOR_S", 0.1)
    settings.BUS = shards_of((servers.valkey.url,))
    database: dict[str, Any] = connections.settings["default"]
    monkeypatch.setitem(database, "HOST", str(servers.postgres.folder))
    monkeypatch.setitem(database, "USER", engines.OWNER)
    monkeypatch.setitem(database, "NAME", engines.DATABASE)
    return servers


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = {
        "database": health.check_database,
        "bus": health.check_bus,
        "worker": health.check_worker,
    }
    for name, check in checks.items():
        monkeypatch.setitem(health.PROBES, name, Probe(check))


async def ask_ready() -> tuple[int, dict[str, Any]]:
    response = await health.ready(RequestFactory().get("/health/ready"))
    return response.status_code, json.loads(response.content)


async def ok(name: str) -> bool:
    """Whether readiness says so of `name`, promptly."""
    began = time.monotonic()
    _, body = await ask_ready()
    assert time.monotonic() - began < PROMPT_S
    result: bool = body["checks"][name]["ok"]
    return result


async def ok_again(name: str) -> bool:
    deadline = time.monotonic() + 5
    while not await ok(name):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True


def beat(seconds_ago: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => %s))",
            [seconds_ago],
        )
    connection.close()


@pytest.mark.asyncio
async def test_live_needs_nothing() -> None:
    response = await health.live(RequestFactory().get("/health/live"))
    assert json.loads(response.content) == {"status": "ok"}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_ready_when_all_answer() -> None:
    await asyncio.to_thread(beat, 0)
    status, body = await ask_ready()
    assert status == HTTPStatus.OK
    assert body["status"] == "ok"
    assert {name: check["ok"] for name, check in body["checks"].items()} == {
        "database": True,
        "bus": True,
        "worker": True,
    }


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("silent_s", [None, 5])
async def test_not_ready_without_a_living_worker(silent_s: int | None) -> None:
    if silent_s is not None:
        await asyncio.to_thread(beat, silent_s)
    status, body = await ask_ready()
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert body["status"] == "unavailable"
    assert (body["checks"]["database"]["ok"], body["checks"]["worker"]["ok"]) == (True, False)


@pytest.mark.asyncio
async def test_an_outage_shows_and_passes(pointed_there: Servers) -> None:
    for name, engine in (("database", pointed_there.postgres), ("bus", pointed_there.valkey)):
        assert await ok(name)
        pointed_there.stop(engine)
        await asyncio.sleep(health.FRESH_FOR_S)
        assert not await ok(name)
        pointed_there.start(engine)
        assert await ok_again(name)


@pytest.mark.asyncio
async def test_a_frozen_server_holds_up_neither_answer_nor_loop(pointed_there: Servers) -> None:
    for name, engine in (("database", pointed_there.postgres), ("bus", pointed_there.valkey)):
        pointed_there.signal(engine, signal.SIGSTOP)
        await asyncio.sleep(health.FRESH_FOR_S)
        asking = asyncio.create_task(ok(name))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert asking.result() is False
        assert turns > 20
        pointed_there.signal(engine, signal.SIGCONT)
        assert await ok_again(name)


@pytest.mark.asyncio
async def test_the_answer_tells_nothing_of_the_cause(
    servers: Servers, settings: Settings, tmp_path: Path
) -> None:
    settings.BUS = shards_of((f"unix://:hunter2@{tmp_path}/nowhere.sock",))
    _, body = await ask_ready()
    assert set(body["checks"]["bus"]) == {"ok", "ms"}
    assert "hunter2" not in json.dumps(body)


@pytest.mark.asyncio
async def test_many_who_ask_at_once_cause_one_check() -> None:
    runs = 0

    async def count() -> None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.01)

    probe = Probe(count)
    findings = await asyncio.gather(*(probe.finding() for _ in range(50)))
    assert all(finding.ok for finding in findings)
    assert (await probe.finding()).ok
    assert runs == 1


@pytest.mark.asyncio
async def test_a_finding_is_forgotten_after_a_second() -> None:
    fails = False

    async def check() -> None:
        if fails:
            raise health.CheckFailedError

    probe = Probe(check)
    assert (await probe.finding()).ok
    fails = True
    await asyncio.sleep(health.FRESH_FOR_S)
    assert not (await probe.finding()).ok


@pytest.mark.asyncio
async def test_draining_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NODE, "draining", True)
    assert await ask_ready() == (HTTPStatus.SERVICE_UNAVAILABLE, {"status": "draining"})


@pytest.mark.asyncio
async def test_only_reading_is_allowed() -> None:
    response = await health.ready(RequestFactory().post("/health/ready"))
    assert response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
