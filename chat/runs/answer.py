"""The text of one attempt while it grows: deltas beside the log, checkpoints behind it."""

import asyncio
from typing import Final

from chat.database import in_database
from chat.delivery import bell
from chat.delivery.log import Fenced
from chat.runs import attempts
from chat.runs.attempts import Attempt

# Human eyes see 25 updates a second as one flow; every socket pays for each of them.
DELTA_EVERY_S: Final = 0.04
CHECKPOINT_EVERY_S: Final = 0.5
ANSWER_CHARS_MAX: Final = 200_000


class AnswerTooLong(Exception):
    """The model did not come to an end."""


class AnswerText:
    """Collects text, sends what waits every 40 ms and stores it at most twice a second."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.text = attempt.text
        self._sent = len(attempt.text)
        self._stored = len(attempt.text)
        self._flush: asyncio.TimerHandle | None = None
        self._storing: asyncio.Task[None] | None = None
        self.lost = False

    def add(self, text: str) -> None:
        """Take more text; PostgreSQL stores no U+0000, and a lone surrogate is no UTF-8."""
        if "\0" in text:
            text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        self.text += text.encode("utf-8", "replace").decode() if not text.isascii() else text
        if len(self.text) > ANSWER_CHARS_MAX:
            self.text = self.text[:ANSWER_CHARS_MAX]
            raise AnswerTooLong
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(DELTA_EVERY_S, self.flush)

    def flush(self) -> None:
        """Send the text that waits, now; before any event, so that the two stay in order."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._sent == len(self.text):
            return
        bell.ring(
            bell.ThreadDelta(
                thread_id=self.attempt.thread_id,
                run_id=self.attempt.run_id,
                attempt=self.attempt.attempt,
                offset=self._sent,
                text=self.text[self._sent :],
            )
        )
        self._sent = len(self.text)
        if self._storing is None:
            self._storing = asyncio.create_task(self._store())

    async def close(self) -> None:
        """Stop storing; whoever ends the run writes the whole text itself."""
        self.flush()
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.wait({self._storing})

    async def _store(self) -> None:
        try:
            while self._stored < len(self.text) and not self.lost:
                text = self.text
                await in_database(attempts.checkpoint, self.attempt, text)
                self._stored = len(text)
                await asyncio.sleep(CHECKPOINT_EVERY_S)
        except Fenced:
            self.lost = True
        finally:
            self._storing = None
