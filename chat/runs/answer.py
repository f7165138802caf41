"""The text of one attempt while it grows: deltas beside the log, checkpoints behind it."""

import asyncio
from typing import Final

from chat.delivery import bell
from chat.runs import checkpoints
from chat.runs.attempts import Attempt

# Human eyes see 16 updates a second as one flow; worker, bus and every socket pay for each of them.
DELTA_EVERY_S: Final = 0.06
ANSWER_CHARS_MAX: Final = 200_000


class AnswerTooLong(Exception):
    """The model did not come to an end."""


class AnswerText:
    """Collects text, sends what waits every 60 ms and lets it be stored twice a second."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.text = attempt.text
        self._sent = len(attempt.text)
        self._flush: asyncio.TimerHandle | None = None
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
            loop = asyncio.get_running_loop()
            # The first word is waited for; all other text goes at ticks of the clock, so that the
            # bus is given what many answers have at once.
            delay_s = DELTA_EVERY_S - loop.time() % DELTA_EVERY_S if self._sent else 0
            self._flush = loop.call_later(delay_s, self.flush)

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
        checkpoints.current().keep(self, stored=len(self.attempt.text))

    def close(self) -> None:
        """Stop storing; whoever ends the run writes the whole text itself."""
        self.flush()
        checkpoints.current().drop(self)
