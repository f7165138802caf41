"""Restarting what dies, on small real programs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netra import processes
from netra.processes import ProcessError, Program
from netra.supervisor import STEADY_AFTER_S, Child, Supervisor

HANG_S = 30.0  # generous, so that a slow machine fails no test
SLEEP = Program(name="sleeper", argv=("sleep", "600"))
STUBBORN = Program(
    name="stubborn",
    argv=("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"),
    stop_within_s=0.2,
)


class Log:
    """What a supervisor said, and how often it called its state changed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.changes = 0

    def change(self) -> None:
        self.changes += 1


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def supervisor(log: Log) -> Supervisor:
    return Supervisor(say=log.lines.append, changed=log.change)


def tend_until_runs(supervisor: Supervisor, key: str, *, within_s: float) -> int:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        pause = supervisor.tend()
        if (pid := supervisor.pid(key)) is not None:
            return pid
        time.sleep(max(0.0, pause))
    raise AssertionError(f"{key} does not run")


def test_a_killed_child_runs_again_after_a_second(supervisor: Supervisor, log: Log) -> None:
    process = supervisor.start(Child(key="a", program=SLEEP))
    try:
        process.kill()
        process.wait()
        began = time.monotonic()
        supervisor.tend()
        assert supervisor.pid("a") is None
        pid = tend_until_runs(supervisor, "a", within_s=HANG_S)
        assert time.monotonic() - began > 0.9
        assert processes.started_at(pid)
        assert log.lines == [
            f"sleeper (process {process.pid}) was ended by signal 9: it starts again in 1 s",
            f"sleeper runs again (process {pid})",
        ]
        assert log.changes == 3
    finally:
        supervisor.stop()


def test_delays_grow_to_ten_seconds_and_shrink_after_a_steady_run() -> None:
    child = Child(key="a", program=SLEEP)
    assert [child.missed(now=0.0) for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    child.start(now=100.0)
    try:
        assert child.process is not None
        process = child.process
        assert child.missed(now=100.0 + STEADY_AFTER_S) == 1
    finally:
        processes.end(process, SLEEP)


def test_a_child_that_cannot_start_is_tried_again(supervisor: Supervisor, log: Log) -> None:
    attempts = 0

    def fail_once() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            raise ProcessError("the disk is full")

    process = supervisor.start(Child(key="a", program=SLEEP, prepare=fail_once))
    try:
        process.kill()
        process.wait()
        supervisor.tend()
        tend_until_runs(supervisor, "a", within_s=HANG_S)
        assert "sleeper cannot start: the disk is full; the next attempt is in 2 s" in log.lines
    finally:
        supervisor.stop()


def test_children_stop_in_the_opposite_order(supervisor: Supervisor, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    for key in ("first", "second", "third"):
        script = f"trap 'echo {key} >> {ends}; exit' TERM; echo ready; while :; do sleep 0.02; done"
        output = tmp_path / key
        program = Program(name=key, argv=("sh", "-c", script), log=output)
        supervisor.start(Child(key=key, program=program))
        while "ready" not in output.read_text():
            time.sleep(0.01)
    supervisor.stop()
    assert ends.read_text().split() == ["third", "second", "first"]
    assert supervisor.pid("first") is None


def test_a_child_that_does_not_listen_is_killed_in_time(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    program = Program(
        name="stubborn", argv=STUBBORN.argv, stop_within_s=0.2, log=tmp_path / "output"
    )
    process = supervisor.start(Child(key="a", program=program))
    while "ready" not in (tmp_path / "output").read_text():
        time.sleep(0.01)
    began = time.monotonic()
    supervisor.stop()
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 2


def test_a_child_is_out_of_reach_of_the_terminal() -> None:
    process = processes.spawn(SLEEP)
    try:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
    finally:
        processes.end(process, SLEEP)


def test_a_child_whose_parent_died_before_the_guard_was_set_does_not_start() -> None:
    # The command as `spawn` builds it, started by a process it does not expect.
    spawned = processes.spawn(Program(name="exit", argv=("true",)))
    spawned.wait()
    assert isinstance(spawned.args, list)
    stranger = [
        sys.executable,
        "-c",
        "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))",
    ]
    assert spawned.returncode == 0
    assert subprocess.call([*stranger, *map(str, spawned.args)]) == 1


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    time.sleep(0.1)
    assert processes.started_at(process.pid) is None
    process.wait()
