"""Which names of static files lead to a bundle: as long as it is what its sources are."""

import hashlib
import json
from pathlib import Path

import pytest

from netra.manifest import BUNDLES, ManifestStorage

SOURCES = {"chat/main.js": "import './run.js';", "chat/run.js": "1;", "chat/page.css": "p {}"}
BUNDLED = {
    "chat/main.js": ("bundle/chat.js", ("chat/main.js", "chat/run.js")),
    "chat/page.css": ("bundle/chat.css", ("chat/page.css",)),
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A folder of collected files, with the bundles that were made of them."""
    rows = {
        entry: {"file": file, "sources": {name: sha256(SOURCES[name]) for name in names}}
        for entry, (file, names) in BUNDLED.items()
    }
    bundles = {file: "bundled" for file, _ in BUNDLED.values()}
    for name, text in (SOURCES | bundles | {BUNDLES: json.dumps(rows)}).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def names_in(static: Path, *, collected: set[str]) -> dict[str, str]:
    """The names by which the collected files are served."""
    storage = ManifestStorage(location=static, base_url="/static/")
    storage.hashed_files = {name: f"{name}.hashed" for name in collected}
    storage.save_manifest()
    paths: dict[str, str] = json.loads((static / "staticfiles.json").read_text())["paths"]
    return paths


def everything(static: Path) -> set[str]:
    return {path.relative_to(static).as_posix() for path in static.rglob("*") if path.is_file()}


def test_an_entry_leads_to_its_bundle(static: Path) -> None:
    names = names_in(static, collected=everything(static))

    assert names["chat/main.js"] == "bundle/chat.js.hashed"
    assert names["chat/page.css"] == "bundle/chat.css.hashed"
    assert names["chat/run.js"] == "chat/run.js.hashed"


def test_a_bundle_of_which_a_source_has_changed_is_not_used(static: Path) -> None:
    (static / "chat/run.js").write_text("2;")

    names = names_in(static, collected=everything(static))

    assert names["chat/main.js"] == "chat/main.js.hashed"
    assert names["chat/page.css"] == "bundle/chat.css.hashed"


def test_a_bundle_of_which_a_source_is_gone_is_not_used(static: Path) -> None:
    (static / "chat/run.js").unlink()

    names = names_in(static, collected=everything(static))

    assert names["chat/main.js"] == "chat/main.js.hashed"


def test_what_only_an_earlier_collection_has_brought_is_not_used(static: Path) -> None:
    names = names_in(static, collected=set(SOURCES))

    assert names == {name: f"{name}.hashed" for name in SOURCES}
