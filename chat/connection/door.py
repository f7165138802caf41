"""Where sockets wait to be let in: those that come together are asked about together."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Final

from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from chat.connection.admission import Asked, admit_all
from chat.connection.places import Admitted
from chat.database import in_database
from chat.errors import NotAdmitted
from chat.protocol.codes import CloseCode

AT_ONCE_MAX: Final = 50
# Together longer than a process that lives goes without a beat (`nodes.SUSPECT_AFTER`).
PLACE_WAITS_S: Final = (0.1, 0.3, 0.9)
# Asked one by one they would fail one by one.
_OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeout)

_Answer = asyncio.Future[Admitted]


class Door:
    """Lets the sockets of one process in; runs on its one loop.

    Whoever comes while a question is under way is part of the next one: alone nobody waits, and a
    storm of reconnects costs the database a few questions.
    """

    def __init__(self, give_back: Callable[[str], None]) -> None:
        self._give_back = give_back
        # In the order in which they came; who gives up is out at once, or a database that hangs
        # would gather all who ever tried.
        self._waiting: dict[_Answer, Asked] = {}
        self._asking: asyncio.Task[None] | None = None

    async def admit(self, asked: Asked) -> Admitted:
        """The user behind a socket, with a place held; raises NotAdmitted, and what a database
        that is away raises."""
        for wait_s in PLACE_WAITS_S:
            try:
                return await self._answer_to(asked)
            except NotAdmitted as refused:
                if refused.code is not CloseCode.TOO_MANY_CONNECTIONS:
                    raise
            # A page that is loaded again opens its socket before its old one's place is free.
            await asyncio.sleep(wait_s)
        return await self._answer_to(asked)

    async def _answer_to(self, asked: Asked) -> Admitted:
        loop = asyncio.get_running_loop()
        answer: _Answer = loop.create_future()
        self._waiting[answer] = asked
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask_all())
        try:
            return await answer
        finally:
            self._waiting.pop(answer, None)

    async def _ask_all(self) -> None:
        while self._waiting:
            some = dict(islice(self._waiting.items(), AT_ONCE_MAX))
            for waiting in some:
                del self._waiting[waiting]
            await self._ask(some)

    async def _ask(self, some: dict[_Answer, Asked]) -> None:
        try:
            answers = await in_database(admit_all, list(some.values()))
        except Exception as error:  # the outermost loop: it is for those who wait to act on it
            if len(some) > 1 and not isinstance(error, _OUTAGES):
                # Only one of them need be at fault: the others must not fail with it.
                for waiting, asked in some.items():
                    if not waiting.done():
                        await self._ask({waiting: asked})
                return
            for waiting in some:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for waiting, answer in zip(some, answers, strict=True):
            self._tell(waiting, answer)

    def _tell(self, waiting: _Answer, answer: Admitted | NotAdmitted) -> None:
        if isinstance(answer, NotAdmitted):
            if not waiting.done():
                waiting.set_exception(answer)
        elif waiting.done():
            # Gone while it was asked about; nobody else would give its place back.
            self._give_back(answer.place)
        else:
            waiting.set_result(answer)
