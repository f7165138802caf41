"""What is known against the pinned packages of Python and npm: `make audit`; needs the network."""

import subprocess
import sys
from typing import Final

from tools.node import ROOT, node

REQUIREMENTS: Final = ("requirements.txt", "requirements-run.txt", "requirements-s3.txt")
PIP_AUDIT: Final = ("pip-audit", "--no-deps", "--disable-pip")


def main() -> int:
    of_files = [option for name in REQUIREMENTS for option in ("-r", name)]
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    asked = (
        [sys.executable, "-m", "uv", "tool", "run", *PIP_AUDIT, *of_files],
        [str(node()), str(npm), "audit", "--package-lock-only"],
    )
    # Both are asked, whatever the first one knows.
    codes = [subprocess.run(command, cwd=ROOT, check=False).returncode for command in asked]  # noqa: S603  the commands are ours
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
