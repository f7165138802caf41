"""Two web processes, two workers and their engines, and all that can be done to them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import redis
from django.conf import settings

from netra import env
from netra.engines import Postgres, Valkey
from tests.chaos.plan import Step
from tests.chaos.processes import Command, Member
from tests.chaos.witness import Witness
from tests.fakes import bell_proxy, fault_proxy, jumping_clock
from tests.fakes.bell_proxy import BellFaults, BellProxy
from tests.fakes.fault_proxy import FaultProxy, Faults

# How long what was killed stays dead, at most.
DEAD_S_MAX: Final = 2.0
READY_WITHIN_S: Final = 90.0
HARMED: Final = Faults(drop=0.15, repeat=0.15, late=0.15, stall=0.02, cut=0.002)
REORDERED: Final = BellFaults(drop=0.1, repeat=0.2, late=0.4)
END_SESSIONS: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(slots=True, kw_only=True)
class World:
    """The system under the storm; `webs` and `workers` are pairs."""

    postgres: Member
    valkey: Member
    webs: tuple[Member, Member]
    workers: tuple[Member, Member]
    networks: tuple[FaultProxy, FaultProxy]
    bus: BellProxy

    @property
    def members(self) -> tuple[Member, ...]:
        return (*self.webs, *self.workers, self.postgres, self.valkey)

    async def do(self, step: Step) -> None:
        """Let one deed happen, and end what it does after its time."""
        kind, _, what = step.deed.partition(" ")
        pair = (self.webs[step.target], self.workers[step.target])
        match kind:
            case "calm":
                return
            case "kill":
                await self._kill(self._meant(what, step.target), step)
            case "freeze":
                await _for_a_while(self._meant(what, step.target), step.for_s)
            case "flush":
                await self.valkey.settled()
                await asyncio.to_thread(_flush)
            case "cut":
                await self._cut(what, step.target)
            case "silence":
                self.networks[step.target].freeze()
                await asyncio.sleep(step.for_s)
                self.networks[step.target].thaw()
            case "harm":
                await self._harm(what, step.for_s)
            case "clock":
                await _jump(pair, step)
            case "full":
                await _fill(pair, step.for_s)
            case _:
                raise AssertionError(step.deed)

    def _meant(self, what: str, target: int) -> Member:
        return {
            "web": self.webs[target],
            "worker": self.workers[target],
            "valkey": self.valkey,
            "postgres": self.postgres,
        }[what]

    async def _kill(self, member: Member, step: Step) -> None:
        dead_s = min(DEAD_S_MAX, step.for_s / 2)
        if member not in self.webs:
            await member.restart(after_s=dead_s)
            return
        # Who balances load sends everybody to the process that is left, as long as one is.
        network, other = self.networks[step.target], self.networks[1 - step.target]
        own = network.upstream
        await member.restart(after_s=dead_s)
        network.upstream = other.upstream
        await asyncio.sleep(step.for_s)
        network.upstream = own

    async def _cut(self, what: str, target: int) -> None:
        match what:
            case "network":
                self.networks[target].cut_all()
            case "bus":
                self.bus.cut_all()
            case _:
                await self.postgres.settled()
                await asyncio.to_thread(_end_sessions)

    async def _harm(self, what: str, for_s: float) -> None:
        if what == "bus":
            self.bus.faults = REORDERED
        else:
            for network in self.networks:
                network.faults = HARMED
        await asyncio.sleep(for_s)
        self.bus.faults = bell_proxy.CALM
        for network in self.networks:
            network.faults = fault_proxy.CALM

    async def settled(self) -> None:
        """Wait until everything that was killed has come back and can be used."""
        for member in self.members:
            await member.settled()
        async with asyncio.timeout(READY_WITHIN_S):
            for web in self.webs:
                assert isinstance(web.kind, Command)
                while not await asyncio.to_thread(web.kind.has, "/health/ready"):
                    await asyncio.sleep(0.2)


async def _for_a_while(member: Member, for_s: float) -> None:
    await member.settled()
    member.freeze()
    try:
        await asyncio.sleep(for_s)
    finally:
        member.thaw()


async def _jump(pair: tuple[Member, ...], step: Step) -> None:
    """Set the clock of a web process and a worker wrong, and right again."""
    seconds = step.jump_s if step.deed == "clock ahead" else -step.jump_s
    for jump_s, lasts_s in ((seconds, step.for_s), (0, 0.0)):
        for member in pair:
            await member.settled()
            assert isinstance(member.kind, Command)
            member.kind.set_clock(jump_s)
            member.send(jumping_clock.SIGNAL)
        await asyncio.sleep(lasts_s)


async def _fill(pair: tuple[Member, ...], for_s: float) -> None:
    """Let no line of their logs be written, as on a full disk."""
    for member in pair:
        await member.settled()
        member.limit_files(0)
    await asyncio.sleep(for_s)
    for member in pair:
        member.limit_files(-1)


def _migrate() -> None:
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    subprocess.run([*manage, "migrate", "--no-input", "--verbosity", "0"], check=True)


def _flush() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
    try:
        client.flushall()
    finally:
        client.close()


def _end_sessions() -> None:
    with psycopg.connect(settings.DATABASE_URL, connect_timeout=5) as session:
        session.execute(END_SESSIONS)


@asynccontextmanager
async def world(seed: int, witness: Witness) -> AsyncIterator[World]:
    """Everything running, in calm weather."""
    var = Path(settings.VAR_DIR)
    members: list[Member] = []

    async def member(name: str, kind: Postgres | Valkey | Command) -> Member:
        made = Member(name, kind)
        members.append(made)
        await made.start()
        return made

    try:
        postgres = await member("PostgreSQL", Postgres(var))
        valkey = await member("Valkey", Valkey(var))
        await asyncio.to_thread(_migrate)
        async with BellProxy(settings.REDIS_URL, seed=seed) as bus, AsyncExitStack() as stack:
            environment = env.everything() | {"REDIS_URL": bus.url}
            kinds = [Command(name, environment) for name in ("web1", "web2", "worker1", "worker2")]
            started = await asyncio.gather(*(member(one.name, one) for one in kinds))
            networks = [
                await stack.enter_async_context(
                    FaultProxy(one.port, seed=seed + number, onlooker=witness)
                )
                for number, one in enumerate(kinds[:2])
            ]
            made = World(
                postgres=postgres,
                valkey=valkey,
                webs=(started[0], started[1]),
                workers=(started[2], started[3]),
                networks=(networks[0], networks[1]),
                bus=bus,
            )
            await made.settled()
            yield made
    finally:
        for one in reversed(members):
            one.end()
