"""A bus behind sentinels: the primary dies, and everything goes on at the one that follows it."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import redis
from django.core.cache import cache
from pytest_django import Settings

from accounts import limits
from billing.models import TierLimit
from chat.database import in_database
from chat.delivery.shards import client_of
from netra import processes
from netra.buses import Shard, shards_of
from netra.engines import Valkey
from netra.processes import Program
from tests.fakes.openai_server import FakeOpenAI, Say
from tests.journeys.conftest import Person
from tests.journeys.test_resume_bus import connected, streaming
from tests.servers import Servers, free_port, wait_until

pytestmark = pytest.mark.chaos

# Signs that a URL must not have as they are.
PASSWORD: Final = "p@ss/word,1"
QUOTED: Final = "p%40ss%2Fword%2C1"
SERVICE: Final = "main"
CHANGED_WITHIN_S: Final = 6.0
PIECES: Final = 400
PIECE_EVERY_S: Final = 0.05


@dataclass(slots=True)
class Watched:
    """A primary and its replica, and the sentinel that watches them; all ask for a password."""

    folder: Path
    ports: tuple[int, int, int]
    _running: list[tuple[subprocess.Popen[bytes], Program]] = field(default_factory=list)

    @property
    def url(self) -> str:
        sentinel = f"127.0.0.1:{self.ports[2]}"
        asking = f"sentinel_password={QUOTED}"
        return f"redis+sentinel://:{QUOTED}@{sentinel}/{SERVICE}/1?{asking}"

    @property
    def shard(self) -> Shard:
        return shards_of((self.url,))[0]

    def start(self) -> None:
        secret = ("--requirepass", PASSWORD, "--primaryauth", PASSWORD)
        first, second, watching = self.ports
        plain = ("--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder))
        self._start("--port", str(first), *plain, *secret)
        self._start("--port", str(second), *plain, *secret, "--replicaof", f"127.0.0.1 {first}")
        configuration = self.folder / "sentinel.conf"
        configuration.write_text(
            f'port {watching}\nbind 127.0.0.1\ndir {self.folder}\nrequirepass "{PASSWORD}"\n'
            f"sentinel monitor {SERVICE} 127.0.0.1 {first} 1\n"
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"\n'
            f"sentinel down-after-milliseconds {SERVICE} 1000\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        self._start(str(configuration), "--sentinel")
        wait_until(self._is_watched)

    def _start(self, *arguments: str) -> None:
        valkey = Valkey(self.folder).program
        program = Program(name="valkey", argv=(valkey.argv[0], *arguments), log=valkey.log)
        self._running.append((processes.spawn(program), program))

    def _is_watched(self) -> bool:
        try:
            with redis.Redis(port=self.ports[2], password=PASSWORD) as sentinel:
                told = sentinel.execute_command("SENTINEL", "REPLICAS", SERVICE)
            return bool(told) and self.primary() == self.ports[0]
        except redis.RedisError:
            return False

    def primary(self) -> int:
        """The port of the server that clients are sent to."""
        with client_of(self.shard, socket_timeout=1) as client:
            port: int = client.info("server")["tcp_port"]
        return port

    def kill_primary(self) -> None:
        process, _program = self._running[0]
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process, program in reversed(self._running):
            processes.end(process, program)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path, (free_port(), free_port(), free_port()))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.mark.asyncio
async def test_a_primary_that_dies_is_followed_by_its_replica(
    watched: Watched,
    servers: Servers,
    model: FakeOpenAI,
    person: Person,
) -> None:
    model.will(Say("so 🜂 " * PIECES, pause_s=PIECE_EVERY_S))
    await in_database(TierLimit.objects.update, value=None)
    variables = {"NETRA_MODEL_URL": model.url, "NETRA_MODEL_NAME": "storyteller"}
    await asyncio.to_thread(lambda: servers.start(REDIS_URL=watched.url, **variables))
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        run_id, readers = await streaming(await connected(stack, servers, person))
        reading = [group.create_task(reader.read(run_id)) for reader in readers]
        await asyncio.to_thread(watched.kill_primary)
        killed_at = time.monotonic()
        await asyncio.gather(*reading)
    assert await asyncio.to_thread(watched.primary) == watched.ports[1]
    for reader in readers:
        # Mostly it is over before anybody is told, and text comes live again, not by the log.
        assert [up for _, up in reader.bus_told] in ([], [False, True])
        assert reader.live_from(killed_at + CHANGED_WITHIN_S) < killed_at + 2 * CHANGED_WITHIN_S
        assert reader.transcript.texts[run_id] == "so 🜂 " * PIECES


def test_counters_go_on_at_the_replica(watched: Watched, settings: Settings) -> None:
    settings.CACHES = {"default": watched.shard.cache}
    settings.ACCOUNTS_LIMITS = {"login": (2, 3600)}
    assert limits.take("login", "somebody") is None
    # Replicas follow at once, but nobody else waits for them.
    with client_of(watched.shard) as client:
        wait_until(lambda: client.wait(1, 500) == 1)
    watched.kill_primary()
    wait_until(lambda: limits.count("login", "somebody else") is not None)
    assert limits.take("login", "somebody") is None
    assert limits.take("login", "somebody") is not None
    cache.close()
