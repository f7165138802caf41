"""How soon an answer that streams ends once its user stops it."""

import asyncio
import time
from typing import Final

from bench import servers
from bench.people import unlimited_people
from bench.streams import TOKENS_PER_S, Reader
from bench.table import Row, Wanted, quantile
from chat.database import in_database
from netra import env

STOPS: Final = 30
# Into the answer, so that each stop comes at another place.
STREAMS_FOR_S: Final = 0.2
ENDS_WITHIN_S: Final = 60.0


async def rows() -> list[Row]:
    [person] = await in_database(unlimited_people, 1)
    with (
        env.override(NETRA_ASSISTANT_TOKENS_PER_S=str(TOKENS_PER_S)),
        servers.web("netra") as server,
        servers.worker(server),
    ):
        reader = await Reader.enter(server, person)
        async with asyncio.timeout(ENDS_WITHIN_S):
            took = [await _stopped(reader, number) for number in range(STOPS)]
        reader.leave()
    return [
        Row(
            name="from `stop` to `agent_completed`, p95",
            unit="ms",
            netra=[quantile(took, 0.95)],
            wanted=(Wanted(bound="most", value=250),),
        )
    ]


async def _stopped(reader: Reader, number: int) -> float:
    """Stop an answer in the middle; milliseconds until its end was told."""
    answer = reader.begin()
    await answer.flows.wait()
    await asyncio.sleep(STREAMS_FOR_S * (1 + number / STOPS))
    asked_at = time.perf_counter()
    reader.stop(answer)
    await answer.ended.wait()
    if answer.status != "stopped":
        raise RuntimeError(f"the answer ended {answer.status} before it was stopped")
    return 1000 * (answer.ended_at - asked_at)
