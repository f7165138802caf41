"""What an outside developer needs for the client and the checks: one package, nothing of Netra."""

import re
import subprocess
import sys

import pytest
from django.conf import settings

from netra import env
from netra.client import (
    ClientError,
    Closed,
    OutboxFull,
    OutboxUnreadable,
    Overtaken,
    Refused,
    Unanswered,
)

LIST = """
import sys
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("module", ["netra.client", "conformance.__main__"])
def test_nothing_is_needed_but_websockets(module: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", LIST.format(module=module)],
        cwd=settings.BASE_DIR,
        env=env.everything(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    loaded = answer.stdout.split()
    packages = {name.partition(".")[0] for name in loaded}
    assert packages - set(sys.stdlib_module_names) <= {"conformance", "netra", "websockets"}
    assert all(name.startswith("netra.client") for name in loaded if name.startswith("netra."))


@pytest.mark.parametrize(
    "error",
    [
        Closed(4501, "sign in first"),
        Refused("read_only", "This token may only read."),
        OutboxFull(1000),
        OutboxUnreadable("unanswered.json"),
        Overtaken("thread_1_aaaaaa", 7),
        Unanswered("http://127.0.0.1:9"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_a_sentence_to_whoever_prints_it(error: ClientError) -> None:
    assert re.fullmatch(r"[A-Z0-9].* .*[.)]|4501 sign in first", str(error)), str(error)
