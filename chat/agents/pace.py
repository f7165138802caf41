"""Text in small pieces at the pace of a reader."""

import asyncio
import re
from collections.abc import AsyncIterator

# A token here is up to this many characters, longer than a language model's: 60 a second are
# about as fast as eyes follow.
TOKEN_CHARS_MAX = 12
_TOKEN = re.compile(rf".{{1,{TOKEN_CHARS_MAX}}}(?=\s|$)|.{{1,{TOKEN_CHARS_MAX}}}|\n", re.DOTALL)


def tokens_of(text: str) -> list[str]:
    """The pieces of a text; joined they are the text."""
    return _TOKEN.findall(text)


async def paced(text: str, tokens_per_s: float) -> AsyncIterator[str]:
    """Yield the pieces of a text, `tokens_per_s` of them a second; 0 is without pauses."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number, token in enumerate(tokens_of(text)):
        if tokens_per_s:
            # Against the start, not the last piece: a late wake-up is made good, not added up.
            await asyncio.sleep(max(start + number / tokens_per_s - loop.time(), 0))
        yield token
