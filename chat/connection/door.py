"""Where sockets wait to be let in: those that come together are asked about together."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from chat.connection.admission import Asked, admit_all
from chat.connection.places import Admitted
from chat.database import in_database
from chat.errors import NotAdmitted

AT_ONCE_MAX: Final = 50


class Door:
    """Lets the sockets of one process in; runs on its one loop.

    Whoever comes while a question is under way is part of the next one: alone nobody waits, and a
    storm of reconnects costs the database a few questions.
    """

    def __init__(self, give_back: Callable[[str], None]) -> None:
        self._give_back = give_back
        self._waiting: deque[tuple[Asked, asyncio.Future[Admitted]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def admit(self, asked: Asked) -> Admitted:
        """The user behind a socket, with a place held; raises NotAdmitted, and what a database
        that is away raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Admitted] = loop.create_future()
        self._waiting.append((asked, answer))
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask_all())
        return await answer

    async def _ask_all(self) -> None:
        while self._waiting:
            count = min(AT_ONCE_MAX, len(self._waiting))
            some = [self._waiting.popleft() for _ in range(count)]
            some = [(asked, answer) for asked, answer in some if not answer.done()]
            try:
                answers = await in_database(admit_all, [asked for asked, _answer in some])
            except Exception as error:  # the outermost loop: it is for those who wait to act on it
                for _asked, waiting in some:
                    if not waiting.done():
                        waiting.set_exception(error)
                continue
            for (_asked, waiting), answer in zip(some, answers, strict=True):
                self._tell(waiting, answer)

    def _tell(self, waiting: asyncio.Future[Admitted], answer: Admitted | NotAdmitted) -> None:
        if isinstance(answer, NotAdmitted):
            if not waiting.done():
                waiting.set_exception(answer)
        elif waiting.done():
            # Gone while it was asked about; nobody else would give its place back.
            self._give_back(answer.place)
        else:
            waiting.set_result(answer)
