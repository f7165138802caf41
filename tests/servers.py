"""Real web and worker processes on the test's own database and bus."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from netra import processes
from netra.processes import Program

STARTS_WITHIN_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], *, within_s: float = STARTS_WITHIN_S) -> None:
    """Poll until `holds`; a generous limit, so that a slow machine fails no test."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@dataclass(slots=True)
class Servers:
    """One web and one worker process; `stop` ends whatever of them still runs.

    They die with the thread that started them: what is to outlive a test is not started in a
    thread of the test's event loop.
    """

    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    # The release of which the next process is.
    release: Path = field(default_factory=lambda: settings.BASE_DIR)
    _running: dict[str, tuple[subprocess.Popen[bytes], Program]] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, **variables: str) -> "Servers":
        self.environment = self.environment | variables
        self.start_worker()
        self.start_web()
        self._wait_for("/health/ready", "worker", "web")
        return self

    def start_web(self) -> None:
        self._start("web", "web", "--port", str(self.port))
        self._wait_for("/health/live", "web")

    def start_worker(self) -> None:
        self._start("worker", "worker")

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        process, _program = self._running.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def terminate(self, name: str) -> subprocess.Popen[bytes]:
        """Send SIGTERM and leave it to the process what it does with it."""
        process, _program = self._running[name]
        process.send_signal(signal.SIGTERM)
        return process

    def stop(self) -> None:
        for process, program in reversed(self._running.values()):
            processes.end(process, program)
        self._running.clear()

    def all_run(self) -> bool:
        """Whether web and worker are there; one that was killed is not."""
        return len(self._running) == 2 and all(
            process.poll() is None for process, _program in self._running.values()
        )

    def answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _wait_for(self, path: str, *names: str) -> None:
        def answers() -> bool:
            # A process that cannot start has said why; to wait for it would only take time.
            for name in names:
                process, _program = self._running[name]
                assert process.poll() is None, f"{name} ended with {process.returncode}"
            return self.answers(path)

        wait_until(answers)

    def _start(self, name: str, *arguments: str) -> None:
        manage = str(self.release / "manage.py")
        program = Program(
            name=name,
            argv=(sys.executable, manage, *arguments),
            environment=self.environment,
        )
        self._running[name] = (processes.spawn(program), program)
