"""Text in small pieces at the pace of a reader."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

# A token here is up to this many characters, longer than a language model's: 60 a second are
# about as fast as eyes follow.
TOKEN_CHARS_MAX = 12
# At ticks of the clock, so that the bus is given at once what many answers have. Human eyes see 16
# updates a second as one flow; worker, bus and every socket pay for each of them.
TICK_S: Final = 0.06
_TOKEN = re.compile(rf".{{1,{TOKEN_CHARS_MAX}}}(?=\s|$)|.{{1,{TOKEN_CHARS_MAX}}}|\n", re.DOTALL)


def tokens_of(text: str) -> list[str]:
    """The pieces of a text; joined they are the text."""
    return _TOKEN.findall(text)


def to_tick(now: float) -> float:
    """Seconds from `now`, by the event loop's clock, to the next tick at which text goes out."""
    return TICK_S - now % TICK_S


async def paced(text: str, tokens_per_s: float) -> AsyncIterator[str]:
    """Yield a text, at each tick the pieces that are due at `tokens_per_s`; 0 is all at once."""
    if not tokens_per_s:
        yield text
        return
    tokens = tokens_of(text)
    loop = asyncio.get_running_loop()
    start = loop.time()
    shown = 0
    while shown < len(tokens):
        # Against the start, not the last piece: a late wake-up is made good, not added up.
        due = int((loop.time() - start) * tokens_per_s) + 1
        yield "".join(tokens[shown:due])
        shown = due
        now = loop.time()
        next_due = max(start + shown / tokens_per_s, now)
        await asyncio.sleep(next_due + to_tick(next_due) - now)
