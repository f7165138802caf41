"""How simulated users behave: each at their own pace, or all in the same moment."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.load.meter import Meter
from bench.load.options import Options
from bench.load.questions import question
from bench.load.tab import Tab
from netra.client import ClientError, Refused

ANSWERED_WITHIN_S: Final = 30.0
ENDS_WITHIN_S: Final = 120.0
# Of all answers, those stopped in the middle, and those asked for once more.
STOPPED_SHARE: Final = 0.1
AGAIN_SHARE: Final = 0.05
READS_BEFORE_STOP_S: Final = 0.5
BURST_EVERY_S: Final = 1.0


@dataclass(slots=True)
class User:
    """One user: the tab they write in, another that watches, and their own chances."""

    tab: Tab
    watcher: Tab | None
    chance: random.Random

    @property
    def tabs(self) -> list[Tab]:
        return [self.tab] if self.watcher is None else [self.tab, self.watcher]

    async def ask(self, meter: Meter) -> None:
        """One message and what they do with its answer; what goes wrong is counted."""
        try:
            await self._ask()
        except TimeoutError:
            meter.errors["no_answer_in_time", True] += 1
        except Refused:
            # Counted as its frame came.
            return
        except ClientError as error:
            meter.errors[type(error).__name__, False] += 1

    async def _ask(self) -> None:
        tab, chance = self.tab, self.chance
        run_id = await tab.ask(question(chance), within_s=ANSWERED_WITHIN_S)
        if self.watcher is not None and self.watcher.thread_id is None:
            assert tab.thread_id is not None, "it has asked"
            self.watcher.thread_id = tab.thread_id
            self.watcher.follow(tab.thread_id)
        drawn = chance.random()
        if drawn < STOPPED_SHARE:
            await tab.text_begins(run_id, within_s=ENDS_WITHIN_S)
            await asyncio.sleep(READS_BEFORE_STOP_S)
            await tab.stop(run_id, within_s=ANSWERED_WITHIN_S)
        await tab.ended(run_id, within_s=ENDS_WITHIN_S)
        if STOPPED_SHARE <= drawn < STOPPED_SHARE + AGAIN_SHARE:
            again = await tab.regenerate(run_id, within_s=ANSWERED_WITHIN_S)
            await tab.ended(again, within_s=ENDS_WITHIN_S)


async def play(users: Sequence[User], options: Options, meter: Meter, *, until: float) -> None:
    """Let all behave until then, and wait for the answers that still come."""
    if options.mode == "steady":
        await _steady(users, options, meter, until)
    else:
        await _burst(users, meter, until)


async def _steady(users: Sequence[User], options: Options, meter: Meter, until: float) -> None:
    """Each asks, reads, thinks, asks again."""

    async def live(user: User) -> None:
        while (left_s := until - time.monotonic()) > 0:
            think_s = user.chance.expovariate(1 / options.think_s)
            await asyncio.sleep(min(think_s, left_s))
            if think_s < left_s:
                await user.ask(meter)

    await asyncio.gather(*map(live, users))


async def _burst(users: Sequence[User], meter: Meter, until: float) -> None:
    """All ask in the same moment, and again once the last has its answer."""
    while time.monotonic() < until:
        await asyncio.gather(*(user.ask(meter) for user in users))
        await asyncio.sleep(BURST_EVERY_S)
