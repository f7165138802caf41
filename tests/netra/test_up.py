"""`manage.py up`, started for real, killed and stopped."""

import http.client
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.evidence import PROVIDER_NAMES
from netra import env, processes, stand_ins, upfile
from netra.management.commands.up import DEMO_EMAIL
from tools import node

MANAGE = str(project.BASE_DIR / "manage.py")
STARTS_WITHIN_S = 180.0  # a limit for hangs, on a machine that does much else
STOPS_WITHIN_S = 15.0
CHILDREN = ("postgres", "valkey", "worker", "web")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_row(length: int) -> int:
    """The first of so many ports in a row that are free."""
    while True:
        port = free_port()
        with ExitStack() as probes:
            try:
                for number in range(port, port + length):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            return port


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def environment(var: Path) -> dict[str, str]:
    own = {"NETRA_ENV": "development", "NETRA_VAR": str(var)}
    inherited = env.everything()
    for name in ("DATABASE_URL", "REDIS_URL"):
        inherited.pop(name, None)
    return inherited | own


def works_on(var: Path) -> set[int]:
    """The living processes that name `var` in their command or environment."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        pid = int(entry.name)
        if os.fsencode(var) in text and processes.started_at(pid) is not None:
            found.add(pid)
    return found - {os.getpid()}


@dataclass(slots=True)
class RunningUp:
    """One `up` in a process group of its own, as a terminal starts it."""

    var: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    output: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, MANAGE, "up", "--port", str(self.port), *self.options],
            env=environment(self.var),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    def read_until(self, text: str, *, within_s: float) -> None:
        assert self.process.stdout is not None
        deadline = time.monotonic() + within_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while text not in self.output:
                remaining = deadline - time.monotonic()
                assert remaining > 0, f"no {text!r} in:\n{self.output}"
                assert self.process.poll() is None, f"up ended:\n{self.output}"
                if selector.select(remaining):
                    self.output += os.read(self.process.stdout.fileno(), 65536).decode()

    def started(self) -> "RunningUp":
        self.read_until(f"http://127.0.0.1:{self.port}/", within_s=STARTS_WITHIN_S)
        return self

    def record(self) -> upfile.UpRecord:
        record = upfile.read(self.var)
        assert record is not None
        return record

    def pid(self, key: str) -> int | None:
        pid: int | None = getattr(self.record(), key)
        return pid

    def live(self) -> bool:
        web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            web.request("GET", "/health/live")
            return web.getresponse().status == 200
        except OSError:
            return False
        finally:
            web.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """As the terminal or the system asks; all must be gone in time."""
        os.killpg(self.process.pid, number)
        self.process.wait(STOPS_WITHIN_S + 1)
        assert self.process.stdout is not None
        self.output += (self.process.stdout.read() or b"").decode()
        self.process.stdout.close()
        assert within(STOPS_WITHIN_S, lambda: not works_on(self.var)), works_on(self.var)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> RunningUp:
    """A first run on an empty folder, stopped as by Ctrl-C."""
    first = RunningUp(tmp_path_factory.mktemp("up") / "var")
    try:
        first.started()
        assert count_demo_users(first.record().database_url) == 1
    finally:
        first.stop(signal.SIGINT)
    return first


@pytest.fixture(scope="module")
def up(first: RunningUp) -> Iterator[RunningUp]:
    """A second run on the same folder, killed in the end: `stop` sees that nothing outlives it."""
    node.install_packages()
    second = RunningUp(first.var, port=free_row(4), options=("--providers",))
    try:
        yield second.started()
    finally:
        second.stop(signal.SIGKILL)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def count_demo_users(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM accounts_user WHERE email = %s AND verified_at IS NOT NULL",
            [DEMO_EMAIL],
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_says_little_and_the_address(first: RunningUp) -> None:
    before_ready = first.output.partition("Netra is ready")[0]
    assert len(before_ready.splitlines()) <= 6, first.output


def test_stops_whole_when_asked(first: RunningUp) -> None:
    assert first.process.returncode == 0, first.output
    assert first.output.rstrip().endswith("Stopped.")


def test_tells_the_demo_account_once(first: RunningUp, up: RunningUp) -> None:
    demo = json.loads((up.var / "demo.json").read_text())
    assert set(demo) == {"email", "password"}
    assert mode(up.var / "demo.json") == 0o600
    assert first.output.count(demo["password"]) == 1
    assert demo["password"] not in up.output


def test_keeps_the_data(up: RunningUp) -> None:
    assert up.live()
    assert count_demo_users(up.record().database_url) == 1


def test_every_provider_is_there_to_sign_in_with(up: RunningUp) -> None:
    web = http.client.HTTPConnection("127.0.0.1", up.port, timeout=10)
    web.request("GET", "/accounts/login/")
    page = web.getresponse().read().decode()
    web.close()
    for name in PROVIDER_NAMES.values():
        assert f"Continue with {name}" in page
    assert stand_ins.listen(up.port + 1)


def test_there_are_no_stand_ins_where_it_is_not_development(
    tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR = tmp_path / "var"
    environment = settings.NETRA_ENV
    with pytest.raises(CommandError, match=f"not in {environment}"):
        call_command("up", port=free_port(), providers=True)
    assert not works_on(tmp_path / "var")


def test_records_its_processes(up: RunningUp) -> None:
    record = up.record()
    assert mode(upfile.up_file(up.var)) == 0o600
    assert record.up == up.process.pid
    for key in CHILDREN:
        assert within(5, lambda key=key: up.pid(key) is not None)  # type: ignore[misc]


def test_a_command_beside_it_finds_the_data(up: RunningUp) -> None:
    command = [sys.executable, MANAGE, "migrate", "--check"]
    result = subprocess.run(command, env=environment(up.var), capture_output=True, timeout=30)
    assert result.returncode == 0, result.stderr.decode()


def test_a_second_one_is_refused(up: RunningUp, settings: Settings) -> None:
    settings.VAR_DIR = up.var
    with pytest.raises(CommandError, match=r"another `manage\.py up` runs"):
        call_command("up", port=free_port())
    assert up.live()


@pytest.mark.parametrize("key", CHILDREN)
def test_what_is_killed_runs_again(up: RunningUp, key: str) -> None:
    killed = up.pid(key)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert within(30, lambda: up.pid(key) not in (killed, None))
    assert processes.started_at(up.pid(key) or 0) is not None
    assert within(30, up.live)
    up.read_until(f"runs again (process {up.pid(key)})", within_s=30)


def test_a_busy_port_is_told_and_nothing_stays(tmp_path: Path, settings: Settings) -> None:
    settings.VAR_DIR = tmp_path / "var"
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(CommandError, match=f"port {port} is in use.*PORT={port + 1}"):
            call_command("up", port=port)
    assert not upfile.up_file(tmp_path / "var").exists()
    with upfile.sole_up(tmp_path / "var"):
        assert not works_on(tmp_path / "var")


def test_can_be_stopped_while_it_starts(tmp_path: Path) -> None:
    running = RunningUp(tmp_path / "var")
    running.read_until("PostgreSQL runs", within_s=STARTS_WITHIN_S)
    running.stop(signal.SIGTERM)
    assert running.process.returncode == 0, running.output
