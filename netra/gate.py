"""Whether a socket's transport takes more, and the waiting for that."""

import asyncio


class Gate:
    """Open at first, on one loop; asyncio's event takes 800 bytes where nobody waits."""

    __slots__ = ("_is_open", "_opening")

    def __init__(self) -> None:
        self._is_open = True
        self._opening: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._is_open

    def clear(self) -> None:
        self._is_open = False

    def set(self) -> None:
        self._is_open = True
        if self._opening is not None:
            self._opening.set_result(None)
            self._opening = None

    async def wait(self) -> None:
        """Until it has been opened once."""
        if self._is_open:
            return
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()
        # Several may wait: one that is cancelled takes nothing from the others.
        await asyncio.shield(self._opening)
