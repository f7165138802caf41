"""All simulated users together: they come, warm up, talk for so long, and leave."""

import asyncio
import random
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from bench.load import plays
from bench.load.meter import Counts, Meter
from bench.load.options import Options
from bench.load.plays import User
from bench.load.tab import Tab
from bench.load.visitors import Visitor

OPENS_WITHIN_S: Final = 60.0
OPENED_AT_ONCE: Final = 50
ENDS_WITHIN_S: Final = 150.0
# Of all users, those who have the thread open in a second tab too.
WATCHED_SHARE: Final = 0.2
WARMED_BY: Final = 8

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Talked(Generic[Read]):
    """What happened while they talked; `reading` was taken when the time was over."""

    counts: Counts
    reading: Read


@asynccontextmanager
async def entered(
    visitors: Sequence[Visitor], options: Options, meter: Meter
) -> AsyncIterator[list[User]]:
    """Connected users for a block; raises Closed or TimeoutError where one cannot connect."""
    _allow_sockets()
    users = [
        _user(visitor, random.Random(f"{options.seed}:{number}"), meter)
        for number, visitor in enumerate(visitors)
    ]
    tabs = [tab for user in users for tab in user.tabs]
    room = asyncio.Semaphore(OPENED_AT_ONCE)

    async def open_one(tab: Tab) -> None:
        async with room:
            await tab.open(within_s=OPENS_WITHIN_S)

    try:
        await asyncio.gather(*map(open_one, tabs))
        yield users
    finally:
        await asyncio.gather(*(tab.close() for tab in tabs))


async def warmed(users: Sequence[User], meter: Meter) -> None:
    """A few ask one question each, and what they saw is forgotten."""
    await asyncio.gather(*(user.ask(meter) for user in users[:WARMED_BY]))
    meter.begin()


async def talked(
    users: Sequence[User], options: Options, meter: Meter, read: Callable[[], Awaitable[Read]]
) -> Talked[Read]:
    """Let them talk; the last answers are waited for, and not counted."""
    before = meter.counts.copy()
    until = time.monotonic() + options.seconds
    playing = asyncio.create_task(plays.play(users, options, meter, until=until))
    await asyncio.sleep(options.seconds)
    found = Talked(meter.counts.since(before), await read())
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await playing
    except TimeoutError:
        meter.errors["no_end_in_time", True] += 1
    return found


def _user(visitor: Visitor, chance: random.Random, meter: Meter) -> User:
    watches = chance.random() < WATCHED_SHARE
    watcher = Tab(visitor, meter) if watches else None
    return User(Tab(visitor, meter), watcher, chance)


def _allow_sockets() -> None:
    """As many open files as the system lets this process have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
