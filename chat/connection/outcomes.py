"""Telling senders what became of messages that were not delivered (SPEC §2)."""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from chat.connection.cancellation import is_cancelled
from chat.connection.queued_message import QueuedMessage

logger = logging.getLogger(__name__)

P = TypeVar("P")
OutcomeCallback = Callable[[QueuedMessage[P], BaseException | None], object]

# Expired messages not told yet. They are told at the queue's next await, so this many pile up
# only where nobody ever awaits it; then the oldest stay untold, though counted.
UNTOLD_LIMIT: Final = 1000


class Outcomes(Generic[P]):
    """Calls the two callbacks, sync or async, and survives what they raise."""

    __slots__ = ("_on_dead_letter", "_on_expired", "_untold")

    def __init__(
        self,
        *,
        on_dead_letter: OutcomeCallback[P] | None,
        on_expired: OutcomeCallback[P] | None,
    ) -> None:
        self._on_dead_letter = on_dead_letter
        self._on_expired = on_expired
        self._untold: list[QueuedMessage[P]] = []

    @property
    def has_untold(self) -> bool:
        return bool(self._untold)

    def note_expired(self, message: QueuedMessage[P]) -> None:
        """Remember to tell of this one: a queue finds it old where it cannot await."""
        if self._on_expired is not None:
            self._untold.append(message)
            del self._untold[:-UNTOLD_LIMIT]

    async def tell_expired(self) -> None:
        while self._untold:
            await _call(self._on_expired, self._untold.pop(0))

    async def tell_dead_letter(self, message: QueuedMessage[P]) -> None:
        await _call(self._on_dead_letter, message)


async def _call(callback: OutcomeCallback[P] | None, message: QueuedMessage[P]) -> None:
    if callback is None:
        return
    try:
        result = callback(message, message.error)
        if inspect.isawaitable(result):
            await result
    except (Exception, asyncio.CancelledError) as error:
        # The outermost loop over foreign code: the queue goes on with the next message.
        if isinstance(error, asyncio.CancelledError) and is_cancelled():
            raise
        logger.exception("a callback for message %s raised", message.message_id)
