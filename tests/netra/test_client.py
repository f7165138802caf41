"""What an outside developer needs for the client and the checks: one package, nothing of Netra."""

import subprocess
import sys

import pytest
from django.conf import settings

from netra import env

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
