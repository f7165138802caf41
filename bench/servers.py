"""The processes that are measured: Netra's web and worker, and the plain consumer's server."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from django.conf import settings

from bench import machine
from netra import processes
from netra.processes import Program

STARTS_WITHIN_S: Final = 60.0
GARBAGE_S: Final = 1.0

Kind = Literal["netra", "plain"]


class Server:
    """One running web process; `core` None leaves it to the machine where it runs."""

    def __init__(self, kind: Kind, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.kind = kind
        self.pid = process.pid
        self.port = port

    def collect_garbage(self) -> None:
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(GARBAGE_S)


@contextmanager
def web(kind: Kind, *, core: int | None = None) -> Iterator[Server]:
    """Run a web process for a block."""
    port = _free_port()
    argv = (sys.executable, "-m", "bench.serve", kind, "--port", str(port))
    with _running(Program(name=kind, argv=argv, log=_log(kind)), core) as process:
        server = Server(kind, process, port)
        _wait_until_live(server)
        yield server


@contextmanager
def worker(*, core: int | None = None) -> Iterator[None]:
    """Run Netra's worker for a block."""
    argv = (sys.executable, str(settings.BASE_DIR / "manage.py"), "worker")
    with _running(Program(name="worker", argv=argv, log=_log("worker")), core):
        yield


@contextmanager
def _running(program: Program, core: int | None) -> "Iterator[subprocess.Popen[bytes]]":
    process = processes.spawn(program)
    try:
        if core is not None:
            machine.pin(process.pid, [core])
        yield process
    finally:
        processes.end(process, program)


def _log(name: str) -> Path:
    return Path(settings.VAR_DIR) / f"{name}.log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_live(server: Server) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not _is_live(server.port):
        if time.monotonic() > deadline:
            log = processes.last_lines(_log(server.kind))
            raise TimeoutError(f"the {server.kind} server does not start: {log}")
        time.sleep(0.05)


def _is_live(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
