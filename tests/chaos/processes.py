"""The processes that a storm is about: each can be killed, frozen and started again."""

import asyncio
import contextlib
import http.client
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from django.conf import settings

from bench.machine import descendants, resident_bytes
from netra import processes
from netra.processes import Program
from tests.fakes import jumping_clock
from tests.servers import free_port

# For hangs only: a busy machine that has just lost its database takes its time.
ANSWERS_WITHIN_S: Final = 90.0
LOOKS_EVERY_S: Final = 0.1
AGAIN_AFTER_S: Final = 0.5


class Kind(Protocol):
    """What is particular about a process: how it is started, and when it can be used."""

    @property
    def program(self) -> Program: ...

    def prepare(self) -> None: ...

    def answers(self) -> bool: ...


class Member:
    """One process of the system and all that it has started."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.kind = kind
        self.restarts = 0
        # Memory when it was looked at last, and the most over all its lives.
        self.resident_bytes = 0
        self.resident_bytes_max = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, again where it ends at once, until it answers."""
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            if self._process is None or self._process.poll() is not None:
                self.kind.prepare()
                self._process = processes.spawn(self.kind.program)
            if await asyncio.to_thread(self.kind.answers):
                return
            log = self.kind.program.log
            assert time.monotonic() < deadline, f"{self.name}: {processes.last_lines(log)}"
            ended = self._process.poll() is not None
            await asyncio.sleep(AGAIN_AFTER_S if ended else LOOKS_EVERY_S)

    async def restart(self, *, after_s: float) -> None:
        """Kill it as a crash does, and start it again by and by; `settled` waits for it."""
        await self.settled()
        self.kill()
        self.restarts += 1
        self._starting = asyncio.create_task(self._start_later(after_s))

    async def _start_later(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.start()

    async def settled(self) -> None:
        """Wait until it has come back, if it was killed."""
        if self._starting is not None:
            await self._starting
            self._starting = None

    def kill(self) -> None:
        if self._process is None:
            return
        # The children first seen: those of a dead parent are nobody's.
        _signal_all(self.pids(), signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        _signal_all(self.pids(), signal.SIGSTOP)

    def thaw(self) -> None:
        _signal_all(self.pids(), signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        _signal_all(self.pids()[:1], number)

    def limit_files(self, bytes_max: int) -> None:
        """Let it write no file beyond that size, as if the disk were full; -1 for no limit."""
        with contextlib.suppress(ProcessLookupError):
            for pid in self.pids()[:1]:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_max, resource.RLIM_INFINITY))

    def end(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        if self._process is not None:
            self.thaw()
            processes.end(self._process, self.kind.program)

    def pids(self) -> list[int]:
        """It first, and then what it has started."""
        if self._process is None or self._process.poll() is not None:
            return []
        return [self._process.pid, *_children(self._process.pid)]

    def has_ended_itself(self) -> bool:
        """Whether it is gone though nobody killed it."""
        return (
            self._starting is None
            and self._process is not None
            and self._process.poll() is not None
        )

    def weigh(self) -> None:
        with contextlib.suppress(OSError, IndexError):
            self.resident_bytes = sum(resident_bytes(pid) for pid in self.pids()[:1])
        self.resident_bytes_max = max(self.resident_bytes_max, self.resident_bytes)


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from descendants(pid)


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Command:
    """`manage.py web` or `worker`, with a clock that can be set."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.name = name
        self._environment = environment
        self._var = Path(settings.VAR_DIR)
        self._clock = self._var / f"{name}.clock"

    @property
    def program(self) -> Program:
        kind = self.name.rstrip("12")
        arguments = ("--port", str(self.port)) if kind == "web" else ()
        module = (sys.executable, "-m", jumping_clock.__name__)
        return Program(
            name=self.name,
            argv=(*module, str(self._clock), kind, *arguments),
            environment=self._environment,
            log=self._var / f"{self.name}.log",
        )

    def prepare(self) -> None:
        """A process that is started anew has the right time."""
        self.set_clock(0)

    def set_clock(self, seconds: int) -> None:
        # In one go: who is only starting may read it this moment.
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds), "ascii")
        new.replace(self._clock)

    def answers(self) -> bool:
        """Whether the web process serves; of a worker the web processes know."""
        return not self.name.startswith("web") or self.has("/health/live")

    def has(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
