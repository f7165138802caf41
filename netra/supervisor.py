"""Keeps child processes running: starts again what dies, stops everything when asked to."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from netra import processes
from netra.processes import ProcessError, Program

RESTART_AFTER_S: Final = 1.0
RESTART_AFTER_S_MAX: Final = 10.0
STEADY_AFTER_S: Final = 10.0  # a child that ran this long starts its count of failures anew


class StopRequested(Exception):
    """SIGINT, SIGTERM or SIGHUP arrived; raised only where `Signals.pause` is called."""


class Signals:
    """Waits that end early when a child dies, and raise StopRequested when we are to stop."""

    STOP: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._asked = False
        # The interpreter writes a byte here for each signal, at any moment, and takes no lock.
        self._bell, write_end = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._note)
        for number in self.STOP:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup: the end of the terminal is not to end us
            signal.signal(number, self._ask)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """Nothing to do: the byte in the pipe ends the pause."""

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def pause(self, seconds: float) -> None:
        """Wait for `seconds` or a signal; raises StopRequested."""
        if not self._asked:
            readable, _, _ = select.select([self._bell], [], [], max(0.0, seconds))
            if readable:
                os.read(self._bell, 4096)
        if self._asked:
            raise StopRequested


@dataclass(slots=True, kw_only=True)
class Child:
    """One supervised process: `prepare` runs before each start."""

    key: str
    program: Program
    prepare: Callable[[], None] = lambda: None
    process: subprocess.Popen[bytes] | None = None
    failures: int = field(default=0, init=False)
    started: float = field(default=0.0, init=False)
    start_due: float = field(default=0.0, init=False)

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def start(self, *, now: float) -> None:
        self.prepare()
        self.process = processes.spawn(self.program)
        self.started = now

    def missed(self, *, now: float) -> float:
        """Count a death or a failed start; answers the seconds until the next start."""
        if self.process is not None and now - self.started >= STEADY_AFTER_S:
            self.failures = 0
        delay = min(RESTART_AFTER_S_MAX, RESTART_AFTER_S * 2.0**self.failures)
        self.failures += 1
        self.process = None
        self.start_due = now + delay
        return delay


class Supervisor:
    """Children in order of dependence: the first started is the last stopped."""

    def __init__(self, *, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.children: list[Child] = []
        self._say = say
        self._changed = changed

    def start(self, child: Child) -> subprocess.Popen[bytes]:
        """Start `child` for the first time; its death is noticed by `tend`."""
        self.children.append(child)
        child.start(now=time.monotonic())
        self._changed()
        assert child.process is not None
        return child.process

    def pid(self, key: str) -> int | None:
        return next((child.pid for child in self.children if child.key == key), None)

    def tend(self) -> float:
        """Note who died, start who is due; answers the seconds until it should be called again."""
        for child in self.children:
            now = time.monotonic()
            if child.process is None:
                if now >= child.start_due:
                    self._restart(child, now)
            elif (code := child.process.poll()) is not None:
                pid, delay = child.pid, child.missed(now=now)
                self._changed()
                what = f"{child.program.name} (process {pid}) {_describe(code)}"
                self._say(f"{what}: it starts again in {delay:g} s")
        due = [child.start_due for child in self.children if child.process is None]
        return min([1.0, *(at - time.monotonic() for at in due)])

    def _restart(self, child: Child, now: float) -> None:
        try:
            child.start(now=now)
        except (ProcessError, OSError) as error:
            delay = child.missed(now=now)
            problem = f"{child.program.name} cannot start: {error}"
            self._say(f"{problem}; the next attempt is in {delay:g} s")
            return
        self._changed()
        self._say(f"{child.program.name} runs again (process {child.pid})")

    def stop(self) -> None:
        """Stop all children, the last started first; a child has as long as its program says."""
        for child in reversed(self.children):
            if child.process is not None:
                processes.end(child.process, child.program)
                child.process = None


def _describe(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by signal {-code}"
