"""Who comes: an address to go to, and what lets them in."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netra.client import sign_in

SIGNED_IN_AT_ONCE: Final = 8
TOKEN_BEGINS: Final = "nt_"


class AccountsUnusable(Exception):
    """The file of accounts has too few or a line that is none; says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One user at one web process, with a session's cookie or an API token."""

    url: str
    cookie: str = ""
    token: str = ""


async def visitors_of(path: Path, *, url: str, count: int) -> list[Visitor]:
    """The first users of a file: a line is an API token, or an address and a password.

    Raises AccountsUnusable, OSError, SignInFailed.
    """
    lines = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    if len(lines) < count:
        raise AccountsUnusable(f"{path} has {len(lines)} accounts, {count} are asked for.")
    room = asyncio.Semaphore(SIGNED_IN_AT_ONCE)

    async def visitor(number: int, words: list[str]) -> Visitor:
        if len(words) == 1 and words[0].startswith(TOKEN_BEGINS):
            return Visitor(url=url, token=words[0])
        if len(words) != 2:
            raise AccountsUnusable(f"Account {number} of {path} is neither token nor password.")
        async with room:
            cookie = await asyncio.to_thread(sign_in, url, email=words[0], password=words[1])
        return Visitor(url=url, cookie=cookie)

    named = enumerate(lines[:count], start=1)
    return list(await asyncio.gather(*(visitor(number, words) for number, words in named)))
