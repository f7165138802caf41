"""The text of one attempt while it grows: deltas beside the log, checkpoints behind it."""

import asyncio
from typing import Final

from chat.agents.pace import TICK_S, to_tick
from chat.delivery import bell
from chat.runs import checkpoints
from chat.runs.attempts import Attempt

# Text that comes so soon after a tick was meant for it.
TICK_LASTS_S: Final = TICK_S / 4
ANSWER_CHARS_MAX: Final = 200_000


class AnswerTooLong(Exception):
    """The model did not come to an end."""


class AnswerText:
    """Collects text, sends what waits at ticks and lets it be stored twice a second."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.text = attempt.text
        self._sent = len(attempt.text)
        self._sent_at = 0.0
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
            self._flush = loop.call_later(self._delay_s(loop.time()), self.flush)

    def _delay_s(self, now: float) -> float:
        """Nothing for the first word, which is waited for, nor at a tick; else until the next."""
        at_tick = now % TICK_S < TICK_LASTS_S and now - self._sent_at > TICK_LASTS_S
        return 0 if at_tick or not self._sent else to_tick(now)

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
        self._sent_at = asyncio.get_running_loop().time()
        checkpoints.current().keep(self, stored=len(self.attempt.text))

    def close(self) -> None:
        """Stop storing; whoever ends the run writes the whole text itself."""
        self.flush()
        checkpoints.current().drop(self)
