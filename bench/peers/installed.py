"""The peers' packages, pinned, in folders of their own below `var/`; asks the registries once."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.engines import ROOT
from tools.node import node

HERE: Final = Path(__file__).resolve().parent
FOLDER: Final = ROOT / "var" / "peers"
REQUIREMENTS: Final = HERE / "requirements-chainlit.txt"
NODE_FILES: Final = ("package.json", "package-lock.json", "socket_io_server.mjs")
# A hundred packages over a slow line.
INSTALLED_WITHIN_S: Final = 600.0


def chainlit_program() -> Path:
    """Chainlit's command line, in a Python environment of its own."""
    folder = FOLDER / "chainlit"
    if not _is_installed(folder, [REQUIREMENTS]):
        uv = Path(sys.executable).parent / "uv"
        python = folder / "bin" / "python"
        _run([uv, "venv", "--quiet", "--clear", folder], ROOT)
        _run([uv, "pip", "install", "--quiet", "--python", python, "-r", REQUIREMENTS], ROOT)
        _note(folder, [REQUIREMENTS])
    return folder / "bin" / "chainlit"


def socket_io_script() -> Path:
    """The server's script, beside its packages."""
    folder = FOLDER / "socketio"
    files = [HERE / name for name in NODE_FILES]
    if not _is_installed(folder, files):
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder)
        npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        _run([node(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        _note(folder, files)
    return folder / "socket_io_server.mjs"


def _is_installed(folder: Path, files: Sequence[Path]) -> bool:
    stamp = folder / ".installed"
    return stamp.exists() and stamp.read_text("ascii") == _digest(files)


def _note(folder: Path, files: Sequence[Path]) -> None:
    (folder / ".installed").write_text(_digest(files), "ascii")


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _run(command: Sequence[Path | str], folder: Path) -> None:
    """Raises CalledProcessError; what went wrong is on stderr."""
    # What these programs say is not a row of the table.
    subprocess.run(command, cwd=folder, stdout=sys.stderr, timeout=INSTALLED_WITHIN_S, check=True)
