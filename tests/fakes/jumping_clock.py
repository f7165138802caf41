"""`python -m tests.fakes.jumping_clock FILE COMMAND …`: `manage.py COMMAND …` whose clock jumps.

On SIGUSR2 its wall clock is set as many seconds off as FILE says, as when somebody sets the clock
of the machine; what counts how much time passes (time.monotonic, the loop's) goes on as it was.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Final

import time_machine
from django.core.management import execute_from_command_line

SIGNAL: Final = signal.SIGUSR2


@contextmanager
def ignored_until_heard() -> Iterator[None]:
    """Whoever is started within does not die of the signal before it hears it."""
    # What is ignored stays so over fork and exec.
    before = signal.signal(SIGNAL, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(SIGNAL, before)


class JumpingClock:
    """The wall clock of this process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._traveller: time_machine.travel | None = None

    def listen(self) -> None:
        """Jump from now on; and at once, where it was set while nobody heard the signal."""
        # Held back meanwhile: a jump within a jump would be one of twice as far.
        signal.pthread_sigmask(signal.SIG_BLOCK, {SIGNAL})
        signal.signal(SIGNAL, self.jump)
        self.jump(SIGNAL, None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {SIGNAL})

    def jump(self, _number: int, _frame: FrameType | None) -> None:
        if self._traveller is not None:
            self._traveller.stop()
            self._traveller = None
        seconds = float(self._file.read_text("ascii"))
        if seconds:
            self._traveller = time_machine.travel(timedelta(seconds=seconds), tick=True)
            self._traveller.start()


if __name__ == "__main__":
    _program, file, *command = sys.argv
    JumpingClock(Path(file)).listen()
    execute_from_command_line(["manage.py", *command])
