"""Wakes whoever waits for something about a key."""

import asyncio
from collections.abc import Iterable


class News:
    """One future a key that somebody waits for; each ends with the next ring of its key."""

    __slots__ = ("_awaited",)

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Future[None]] = {}

    async def of(self, key: str) -> None:
        """Wait for the next ring of `key`."""
        awaited = self._awaited.get(key)
        if awaited is None:
            awaited = self._awaited[key] = asyncio.get_running_loop().create_future()
        # Others may wait for the same, and are not cancelled with this one.
        await asyncio.shield(awaited)

    def ring(self, keys: Iterable[str]) -> None:
        for key in keys:
            awaited = self._awaited.pop(key, None)
            if awaited is not None:
                awaited.set_result(None)

    def ring_all(self) -> None:
        self.ring(tuple(self._awaited))
