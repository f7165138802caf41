"""One door to the tests: a pytest plugin that starts the engines, and `manage.py test`."""

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


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start what the settings point at, before pytest-django reads them."""
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netra-test-")))
    stack.enter_context(env.override(**_environment(var)))
    wanted: list[Engine] = []
    if env.raw("DATABASE_URL") is None:
        wanted.append(Postgres(var, durable=False))
    if env.raw("REDIS_URL") is None:
        wanted.append(Valkey(var))
    stack.enter_context(engines.running(wanted))
    return (yield)


def _environment(var: Path) -> dict[str, str | None]:
    # What a developer has set for their own run must not change the tests.
    cleared = dict.fromkeys(name for name in env.everything() if name.startswith("NETRA_"))
    return cleared | {
        "NETRA_ENV": Environment.TEST,
        "NETRA_VAR": str(var),
        "NETRA_RATE_SCALE": RATE_SCALE,
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
