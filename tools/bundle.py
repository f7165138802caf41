"""Makes one file of each page's modules and of its styles, for deployments: `make bundle`.

`collectstatic` takes them as long as their sources are what they were made of; an image without
Node has them from its build. Otherwise, and in development, the pages load the sources.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from netra.manifest import BUNDLES, Bundle
from tools.node import PACKAGES, ROOT, NodeError, install_packages, node

STATIC: Final = ROOT / "netra" / "static"
SOURCES: Final = (STATIC, ROOT / "chat" / "static")
ENTRIES: Final[Mapping[str, str]] = {
    "chat/main.js": "bundle/chat.js",
    "chat/page.css": "bundle/chat.css",
    "netra/page.css": "bundle/netra.css",
}
# What comes only when it is needed stays a file of its own.
LATER: Final = ("../vendor/katex.js",)
# The licences travel in vendor/LICENSES.txt, whole, instead of in comments.
OPTIONS: Final = (
    *("--bundle", "--format=esm", "--minify", "--target=es2022", "--charset=utf8"),
    *("--legal-comments=none", "--log-level=error", *(f"--external:{each}" for each in LATER)),
)
TAKES_AT_MOST_S: Final = 60.0


def bundled(entry: str, *, sources: Path, target: Path) -> Bundle:
    """Writes the bundle of an entry below `target` and answers what it was made of."""
    meta = sources / "meta.json"
    output = target / ENTRIES[entry]
    esbuild = PACKAGES / "esbuild" / "bin" / "esbuild"
    done = subprocess.run(  # noqa: S603  the command is ours
        [node(), esbuild, entry, *OPTIONS, f"--outfile={output}", f"--metafile={meta}"],
        cwd=sources,
        capture_output=True,
        text=True,
        timeout=TAKES_AT_MOST_S,
        check=False,
    )
    if done.returncode != 0:
        raise NodeError(f"esbuild could not bundle {entry}:\n{done.stderr.strip()}")
    names = json.loads(meta.read_text())["inputs"]
    hashes = {name: hashlib.sha256((sources / name).read_bytes()).hexdigest() for name in names}
    return Bundle(file=ENTRIES[entry], sources=hashes)


def bundle_pages(target: Path = STATIC) -> None:
    """Writes all bundles below `target`, a folder of static files; raises NodeError."""
    install_packages()
    shutil.rmtree(target / "bundle", ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch)
        # Their imports lead from one folder into the other, as their addresses do.
        for folder in SOURCES:
            shutil.copytree(folder, sources, dirs_exist_ok=True)
        rows = {entry: bundled(entry, sources=sources, target=target) for entry in ENTRIES}
    (target / BUNDLES).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    try:
        bundle_pages(*(Path(each) for each in sys.argv[1:]))
    except NodeError as error:
        sys.exit(error.problem)
