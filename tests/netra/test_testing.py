"""The run the tests themselves are part of."""

from pathlib import Path

from django.conf import settings

from netra import env
from netra.env import Environment
from netra.testing import PytestRunner


def test_settings_are_those_of_a_test_run() -> None:
    assert settings.NETRA_ENV is Environment.TEST
    assert settings.BASE_DIR not in Path(settings.VAR_DIR).parents
    assert env.text("NETRA_MODEL_URL") is None


def test_the_runner_answers_what_pytest_answers() -> None:
    runner = PytestRunner(verbosity=2, failfast=True, interactive=False)
    assert runner.flags == ["-v", "--exitfirst"]
    with env.override(DATABASE_URL=settings.DATABASE_URL, REDIS_URL=settings.REDIS_URL):
        assert runner.run_tests(["tests/no_such_file.py"]) != 0
