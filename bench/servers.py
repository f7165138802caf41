"""The processes that are measured: Netra's web and worker, and its rivals' servers."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from django.conf import settings

from bench import machine
from netra import env, processes
from netra.processes import Program

STARTS_WITHIN_S: Final = 60.0
GARBAGE_S: Final = 1.0

Kind = Literal["netra", "plain", "core", "raw", "joined"]
Peer = Literal["websockets", "socketio", "chainlit", "chainlit-openai", "model"]
By = Literal["uvicorn", "daphne"]


class Server:
    """One running web process."""

    def __init__(self, kind: Kind | Peer, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.kind = kind
        self.pid = process.pid
        self.port = port

    def collect_garbage(self) -> None:
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(GARBAGE_S)


@contextmanager
def web(kind: Kind, *, core: int | None = None, by: By = "uvicorn") -> Iterator[Server]:
    """Run a web process for a block."""
    port = _free_port()
    argv = (sys.executable, "-m", "bench.serve", kind, "--port", str(port))
    program = Program(name=kind, argv=argv, log=_log(kind))
    with env.override(NETRA_SERVER=by), _running(program, core) as process:
        server = Server(kind, process, port)
        _wait_until(server, "/health/live")
        yield server


@contextmanager
def peer(
    kind: Peer, argv: Sequence[str], *, core: int | None = None, path: str = "/"
) -> Iterator[Server]:
    """Run a server that is none of ours, `{port}` in its command, once it answers at `path`."""
    port = _free_port()
    command = tuple(word.format(port=port) for word in argv)
    with _running(Program(name=kind, argv=command, log=_log(kind)), core) as process:
        server = Server(kind, process, port)
        _wait_until(server, path)
        yield server


@contextmanager
def starting() -> Iterator[int]:
    """Run `manage.py web` itself for a block that begins when it is spawned; gives its port."""
    port = _free_port()
    argv = (sys.executable, str(settings.BASE_DIR / "manage.py"), "web", "--port", str(port))
    with _running(Program(name="web", argv=argv, log=_log("web")), None):
        yield port


@contextmanager
def worker(web: Server) -> Iterator[int]:
    """Run Netra's worker for a block that begins when the web process has seen it; gives its id."""
    argv = (sys.executable, str(settings.BASE_DIR / "manage.py"), "worker")
    with _running(Program(name="worker", argv=argv, log=_log("worker")), None) as process:
        _wait_until(web, "/health/ready")
        yield process.pid


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


def _wait_until(server: Server, path: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not _answers(server.port, path):
        if time.monotonic() > deadline:
            log = processes.last_lines(_log(server.kind))
            raise TimeoutError(f"{server.kind} does not answer {path}: {log}")
        time.sleep(0.05)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
