"""What happens to web processes, worker, bus and network while people chat, drawn from a seed."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from tests.fakes import fault_proxy
from tests.fakes.bell_proxy import BellFaults, BellProxy
from tests.fakes.fault_proxy import FaultProxy, Faults
from tests.servers import Servers

# Every one of them happens before any happens again.
DEEDS: Final = ("kill web", "kill worker", "move", "cut", "freeze", "deafen", "cut bus")
# Where nothing comes, as while nobody works, the storm goes on all the same.
PATIENCE_S: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """After so many frames in this weather, do it; what it does lasts `for_s`."""

    frames: int
    deed: str
    for_s: float
    faults: Faults
    bells: BellFaults


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a storm does; printed, it says how to have the same again."""

    seed: int
    steps: tuple[Step, ...]

    @staticmethod
    def drawn(seed: int, *, rounds: int) -> "Plan":
        """So many rounds of all deeds, each in an order and in weather of its own."""
        return Plan(seed, tuple(_steps(random.Random(seed), rounds)))


def _steps(chance: random.Random, rounds: int) -> Iterator[Step]:
    for _ in range(rounds):
        for deed in chance.sample(DEEDS, len(DEEDS)):
            yield Step(
                frames=chance.randrange(5, 40),
                deed=deed,
                for_s=round(chance.uniform(0, 1), 2),
                faults=_faults(chance),
                bells=BellFaults(
                    drop=round(chance.uniform(0, 0.6), 2),
                    repeat=round(chance.uniform(0, 0.2), 2),
                    late=round(chance.uniform(0, 0.2), 2),
                ),
            )


def _faults(chance: random.Random) -> Faults:
    return Faults(
        drop=round(chance.uniform(0, 0.3), 2),
        repeat=round(chance.uniform(0, 0.2), 2),
        late=round(chance.uniform(0, 0.2), 2),
        stall=round(chance.uniform(0, 0.05), 2),
        cut=round(chance.uniform(0, 0.01), 3),
    )


@dataclass(slots=True)
class Scene:
    """Two web processes and a worker, the network before them and the bus behind them."""

    webs: tuple[Servers, Servers]
    network: FaultProxy
    bus: BellProxy
    _restarts: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def storm(self, plan: Plan) -> None:
        """Do what is planned, and start again what was killed; the weather stays as it is."""
        for step in plan.steps:
            self.network.faults, self.bus.faults = step.faults, step.bells
            await self._frames(step.frames)
            await self._do(step)
        await asyncio.gather(*self._restarts.values())

    def clear(self) -> None:
        """Harm no frame from now on; but no bell is heard any more, so that only asking helps."""
        self.network.faults, self.bus.faults = fault_proxy.CALM, BellFaults(drop=1)

    async def _frames(self, count: int) -> None:
        """Wait for frames, not for time: on a busy machine a storm must not pass unheard."""
        until = self.network.counts.total() + count
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while self.network.counts.total() < until:
                    await asyncio.sleep(0.05)

    async def _do(self, step: Step) -> None:
        match step.deed:
            case "kill web":
                await self._kill_web(step.for_s)
            case "kill worker":
                await self._restart(self.webs[0], "worker", step.for_s)
            case "move":
                self.network.upstream = self._other.port
                self.network.cut_all()
            case "cut":
                self.network.cut_all()
            case "freeze":
                self.network.freeze()
                await asyncio.sleep(step.for_s)
                self.network.thaw()
            case "deafen":
                self.bus.faults = replace(step.bells, drop=1, repeat=0, late=0, beats=True)
                await asyncio.sleep(step.for_s)
            case "cut bus":
                self.bus.cut_all()
            case _:
                raise AssertionError(step.deed)

    @property
    def _other(self) -> Servers:
        one, other = self.webs
        return other if self.network.upstream == one.port else one

    async def _kill_web(self, for_s: float) -> None:
        # Who balances load sends everybody to the process that is left.
        self.network.upstream = self._other.port
        await self._restart(self._other, "web", for_s)

    async def _restart(self, servers: Servers, name: str, after_s: float) -> None:
        key = f"{name} {servers.port}"
        if key in self._restarts:
            await self._restarts[key]
        servers.kill(name)
        self._restarts[key] = asyncio.create_task(_start(servers, name, after_s))


async def _start(servers: Servers, name: str, after_s: float) -> None:
    await asyncio.sleep(after_s)
    start: Callable[[], None] = servers.start_web if name == "web" else servers.start_worker
    await asyncio.to_thread(start)
