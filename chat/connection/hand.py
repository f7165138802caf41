"""A queue's processor, and the one message it holds (SPEC §2)."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from chat.connection.cancellation import is_cancelled
from chat.connection.queued_message import QueuedMessage
from netra.ids import ConnectionID

logger = logging.getLogger(__name__)

P = TypeVar("P")
Processor = Callable[[QueuedMessage[P]], object]


class Hand(Generic[P]):
    """Holds at most one message, in the task that delivers it."""

    __slots__ = ("_cut", "_emptied", "message", "processor", "task")

    def __init__(self) -> None:
        self.processor: Processor[P] | None = None
        self.message: QueuedMessage[P] | None = None
        # A flush's own or a sender's; set by who delivers.
        self.task: asyncio.Task[object] | None = None
        self._cut: asyncio.Task[object] | None = None
        self._emptied: asyncio.Future[None] | None = None

    async def attempt(self, message: QueuedMessage[P], connection_id: ConnectionID) -> bool:
        """Have the message processed once; False when that failed."""
        assert self.processor is not None, "only what has a processor takes a message"
        message.attempts += 1
        try:
            result = self.processor(message)
            if result is not None and inspect.isawaitable(result):
                await result
        except (Exception, asyncio.CancelledError) as error:
            # The outermost loop over foreign code: the message is tried again or buried, also
            # when the processor waited for something that was cancelled, and not its own task.
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            message.error = error
            logger.warning(
                "attempt %d at message %s of %s failed",
                message.attempts,
                message.message_id,
                connection_id,
                exc_info=error,
            )
            return False
        return True

    def let_go(self, message: QueuedMessage[P]) -> bool:
        """Hold this message no longer; False when it has been taken away meanwhile."""
        if self.message is not message:
            return False
        self.message = None
        if self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)
        return True

    async def emptied(self, *, within_s: float) -> None:
        """Wait until the message held now is let go."""
        if self._emptied is None:
            self._emptied = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._emptied,), timeout=within_s)

    def cut(self) -> None:
        """Cancel the delivery under way, but not for those who wait for it: see `uncut`."""
        if self.task is not None:
            self._cut = self.task
            self.task.cancel()

    def uncut(self) -> bool:
        """Take back the cancellation of `cut`; True when there was one, and no other."""
        task, self._cut = self._cut, None
        return task is not None and task.uncancel() == 0
