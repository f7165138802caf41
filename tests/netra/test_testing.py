"""The run the tests themselves are part of."""

import os
from pathlib import Path

import pytest
import redis
from django.conf import settings

from netra import env
from netra.engines import Postgres, Valkey
from netra.env import Environment
from netra.testing import PROCESSES_MAX, PytestRunner, processes_for

FILE = str(settings.BASE_DIR / "tests/netra/test_testing.py")
FOLDER = str(settings.BASE_DIR / "tests")


def test_settings_are_those_of_a_test_run() -> None:
    assert settings.NETRA_ENV is Environment.TEST
    assert settings.BASE_DIR not in Path(settings.VAR_DIR).parents
    assert env.text("NETRA_MODEL_URL") is None


def test_the_runner_answers_what_pytest_answers() -> None:
    runner = PytestRunner(verbosity=2, failfast=True, interactive=False)
    assert runner.flags == ["-v", "--exitfirst"]
    with env.override(DATABASE_URL=settings.DATABASE_URL, REDIS_URL=settings.REDIS_URL):
        assert runner.run_tests(["tests/no_such_file.py"]) != 0


def parent_of(pid: int) -> int:
    """The parent of a process, as proc(5) has it."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_engines_are_of_this_process_and_no_other() -> None:
    postgres, valkey = Postgres(settings.VAR_DIR), Valkey(settings.VAR_DIR)
    if (postgres.url, valkey.url) != (settings.DATABASE_URL, settings.REDIS_URL):
        pytest.skip("the run was given its servers")
    lock = (postgres.data / "postmaster.pid").read_text()
    with redis.Redis.from_url(settings.REDIS_URL) as bus:
        bus_pid = bus.info("server")["process_id"]
    assert parent_of(int(lock.splitlines()[0])) == os.getpid()
    assert parent_of(bus_pid) == os.getpid()


def test_files_are_tested_here_and_folders_by_more_processes() -> None:
    with env.override(REDIS_URL=None):
        assert processes_for([FILE, f"{FILE}::test_one"]) == 0
        assert processes_for([FILE, FOLDER]) == processes_for([FOLDER])
        assert processes_for([FOLDER]) in (0, *range(2, PROCESSES_MAX + 1))


def test_a_bus_that_was_given_is_not_shared() -> None:
    with env.override(REDIS_URL="redis://bus.example"):
        assert processes_for([FOLDER]) == 0
