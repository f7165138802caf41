"""The same Netra behind daphne, beside uvicorn."""

from contextlib import AsyncExitStack
from typing import Final

from bench import arrivals, deliveries, machine, servers
from bench.people import people
from bench.servers import By
from bench.table import Rival, Row
from chat.database import in_database

REPEATS: Final = 2
_SERVERS: Final[tuple[By, ...]] = ("daphne", "uvicorn")


async def rows() -> list[Row]:
    return [await _deliveries(), await _arrivals()]


async def _deliveries() -> Row:
    async with AsyncExitStack() as stack:
        core = stack.enter_context(machine.server_apart())
        daphne, uvicorn = [
            await stack.enter_async_context(
                deliveries.on_bell(stack.enter_context(servers.web("netra", core=core, by=by)))
            )
            for by in _SERVERS
        ]
        turns = [
            [(await deliveries.throughput(side)).a_second for side in (daphne, uvicorn)]
            for _ in range(REPEATS)
        ]
    slow, fast = map(list, zip(*turns, strict=True))
    rival = Rival(name="uvicorn", values=fast)
    return Row(name="on daphne: deliveries, bell alone", unit="1/s", netra=slow, beside=rival)


async def _arrivals() -> Row:
    crowd = await in_database(people, arrivals.ARRIVALS)
    with servers.web("netra", by="daphne") as daphne, servers.web("netra") as uvicorn:
        for side in (daphne, uvicorn):
            await arrivals.arrive(side, crowd)
        turns = [
            [(await arrivals.arrive(side, crowd)).p99_ms for side in (daphne, uvicorn)]
            for _ in range(REPEATS)
        ]
    slow, fast = map(list, zip(*turns, strict=True))
    return Row(
        name=f"on daphne: {arrivals.ARRIVALS} connect at once, all ready, p99", unit="ms",
        netra=slow, beside=Rival(name="uvicorn", values=fast),
    )  # fmt: skip
