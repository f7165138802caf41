"""One door to the tests: engines for pytest, its processes, and `manage.py test`."""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from netra import engines, env
from netra.engines import Engine, Postgres, Valkey
from netra.env import Environment

# All requests of a run come from one address, which the limits per network would take for a flood.
RATE_SCALE = "1000"
# Beyond that the longest files decide, and not how many there are to share.
PROCESSES_MAX = 4
LONGEST = ("tests/journeys/", "tests/netra/test_up.py")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Set what the settings are made of, before pytest-django reads them."""
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netra-test-")))
    stack.enter_context(env.override(**_environment(var)))
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the engines that the settings point at, for this process alone.

    Test processes share no engine: pub/sub crosses the databases of one server, `cache.clear()`
    empties all of it, and some journeys freeze an engine or cut everybody off. Two more engines
    start in a second; a test that had the shared ones to itself would hold up everybody else.
    """
    config = session.config
    distributes = config.getoption("dist") != "no"
    if distributes or config.getoption("collectonly"):
        return
    var = Path(env.required("NETRA_VAR"))
    wanted: list[Engine] = []
    if env.raw("DATABASE_URL") is None:
        wanted.append(Postgres(var, durable=False))
    if env.raw("REDIS_URL") is None:
        wanted.append(Valkey(var))
    stack = ExitStack()
    config.add_cleanup(stack.close)
    stack.enter_context(engines.running(wanted))


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Decide on the processes of a run for which no `-n` says how many."""
    return processes_for(config.args)


def processes_for(paths: Sequence[str]) -> int:
    """How many test processes are worth their start beside this one; 0 means that it does all."""
    folders = any(Path(path).is_dir() for path in paths)
    # A bus that was given is the same for all, and they would disturb each other on it.
    if not folders or env.raw("REDIS_URL") is not None:
        return 0
    cores = os.cpu_count() or 1
    # One more than there are cores: journeys wait for timers as often as for the machine.
    return min(cores + 1, PROCESSES_MAX) if cores > 1 else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: one that comes last is waited for by the other processes."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def _environment(var: Path) -> dict[str, str | None]:
    # What a developer has set for their own run must not change the tests.
    cleared = dict.fromkeys(name for name in env.everything() if name.startswith("NETRA_"))
    return cleared | {
        "NETRA_ENV": Environment.TEST,
        "NETRA_VAR": str(var),
        "NETRA_RATE_SCALE": RATE_SCALE,
        # Dozens of servers start in a run: to compile all that they import takes each two seconds.
        "PYTHONDONTWRITEBYTECODE": None,
    }


class PytestRunner:
    """Django's test runner that hands the labels to pytest, in a process with test settings."""

    def __init__(self, *, verbosity: int = 1, failfast: bool = False, **_options: object) -> None:
        self.flags = ["-v"] * max(0, verbosity - 1) + ["--exitfirst"] * failfast

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Labels are paths or node ids, as pytest takes them; no options of our own."""

    def run_tests(self, test_labels: Sequence[str]) -> int:
        """Answers 0 when all passed, as Django expects the number of failures."""
        command = [sys.executable, "-m", "pytest", *self.flags, *test_labels]
        return subprocess.run(command, check=False).returncode  # noqa: S603
