"""Checks the types that the page's modules have by their JSDoc; `make check` does."""

import subprocess
import sys
from typing import Final

from tools.node import PACKAGES, ROOT, NodeError, install_packages, node

COMPILER: Final = PACKAGES / "typescript" / "bin" / "tsc"
TAKES_AT_MOST_S: Final = 120.0


def check_types() -> bool:
    """Whether tsconfig.json finds nothing, which it prints else; raises NodeError."""
    install_packages()
    try:
        done = subprocess.run(  # noqa: S603  the command is ours
            [node(), COMPILER, "--project", ROOT / "tsconfig.json"],
            cwd=ROOT,
            timeout=TAKES_AT_MOST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NodeError(f"tsc took longer than {TAKES_AT_MOST_S:.0f} s") from None
    return done.returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(0 if check_types() else 1)
    except NodeError as error:
        sys.exit(error.problem)
