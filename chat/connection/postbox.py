"""Where messages wait to be stored: those that come together are stored together."""

import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from accounts.models import User
from chat import services
from chat.database import in_database
from chat.posts import Post, post_all
from chat.services import Outgoing, Posted
from netra import traces

logger = structlog.get_logger(__name__)

# In one transaction.
AT_ONCE_MAX: Final = 50
# While one transaction is at work in the database, another one is on its way to it or back.
TRANSACTIONS_MAX: Final = 2
# Messages that go by themselves at the same time: with more it is quicker to go together.
ALONE_MAX: Final = 2
# Posted one by one they would fail one by one.
_OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeout)

_Answer = asyncio.Future[Posted]


class _Waiting:
    """A message, what its sender waits for, and the context of that."""

    __slots__ = ("answer", "context", "post")

    def __init__(self, post: Post) -> None:
        self.post = post
        self.answer: _Answer = asyncio.get_running_loop().create_future()
        self.context = contextvars.copy_context()

    def tell(self, posted: Posted) -> None:
        if not self.answer.done():
            self.answer.set_result(posted)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Postbox:
    """Stores the messages of one process's sockets; every method runs on its one loop.

    Alone nobody waits. Of many at once those that come while some are stored are part of the next
    transaction. What cannot be stored so, or fails, is posted by itself: nobody's failure is
    another's, and who waits for a lock holds up the others for a moment only.
    """

    def __init__(self) -> None:
        # In the order in which they came; who gives up is out at once, or a database that hangs
        # would gather all who ever tried.
        self._waiting: dict[_Answer, _Waiting] = {}
        self._alone = 0
        self._transactions = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, user: User, message: Outgoing) -> Posted:
        """Store a message; raises what `services.post_message` does."""
        if not message.is_plain:
            return await _post(user, message)
        if self._alone + self._transactions < ALONE_MAX:
            self._alone += 1
            try:
                return await _post(user, message)
            finally:
                self._alone -= 1
        waiting = _Waiting(Post(user=user, message=message, traceparent=traces.traceparent()))
        self._waiting[waiting.answer] = waiting
        if self._transactions < TRANSACTIONS_MAX:
            self._begin()
        try:
            return await waiting.answer
        finally:
            self._waiting.pop(waiting.answer, None)

    def _begin(self) -> None:
        self._transactions += 1
        # In no sender's context: it stores the messages of many.
        self._spawn(self._post_waiting(), contextvars.Context())

    def _next(self) -> list[_Waiting]:
        """The first of those who wait, one of each user, who wait no more."""
        users: set[int] = set()
        some = []
        for waiting in self._waiting.values():
            if waiting.post.user.pk not in users:
                users.add(waiting.post.user.pk)
                some.append(waiting)
            if len(some) == AT_ONCE_MAX:
                break
        for waiting in some:
            del self._waiting[waiting.answer]
        return some

    async def _post_waiting(self) -> None:
        try:
            while some := self._next():
                await self._post_together(some)
        finally:
            self._transactions -= 1

    async def _post_together(self, some: Sequence[_Waiting]) -> None:
        try:
            posted = await in_database(post_all, [waiting.post for waiting in some])
        except _OUTAGES as error:
            for waiting in some:
                waiting.fail(error)
            return
        except Exception:  # whose fault it is shows when each is posted by itself
            logger.warning("messages could not be stored together", exc_info=True)
            posted = [None] * len(some)
        for waiting, one in zip(some, posted, strict=True):
            if one is not None:
                waiting.tell(one)
            elif not waiting.answer.done():
                self._spawn(self._post_alone(waiting), waiting.context)

    async def _post_alone(self, waiting: _Waiting) -> None:
        try:
            waiting.tell(await _post(waiting.post.user, waiting.post.message))
        except Exception as error:  # the outermost loop: it is for the sender to act on it
            waiting.fail(error)

    def _spawn(self, work: Coroutine[Any, Any, None], context: contextvars.Context) -> None:
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _post(user: User, message: Outgoing) -> Posted:
    return await in_database(services.post_message, user=user, message=message)


_postbox: Postbox | None = None
_loop: asyncio.AbstractEventLoop | None = None


def current() -> Postbox:
    """The postbox of the running loop."""
    global _postbox, _loop
    loop = asyncio.get_running_loop()
    if _postbox is None or _loop is not loop:
        _postbox, _loop = Postbox(), loop
    return _postbox
