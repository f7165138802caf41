"""The vendored browser modules are what VENDOR.json says they are."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "netra" / "static" / "vendor"
ROWS = json.loads((VENDOR / "VENDOR.json").read_text())
# The two files beside the modules: the proofs and the licence texts.
DOCUMENTS = {"VENDOR.json", "LICENSES.txt"}


def test_every_vendored_file_is_listed() -> None:
    listed = {row["file"] for row in ROWS}

    files = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert files == listed | DOCUMENTS


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_the_hash_of_each_file_agrees(row: dict[str, str]) -> None:
    content = (VENDOR / row["file"]).read_bytes()

    assert hashlib.sha256(content).hexdigest() == row["sha256"]


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_the_version_of_each_file_is_the_one_asked_for(row: dict[str, str]) -> None:
    package = json.loads((ROOT / "package.json").read_text())

    assert package["devDependencies"][row["name"]] == row["version"]


def test_the_licence_of_every_package_is_shipped() -> None:
    texts = (VENDOR / "LICENSES.txt").read_text()
    names = {part["name"] for row in ROWS for part in (row, *row["includes"])}

    assert [name for name in names if f"{name}\n{'=' * len(name)}\n" not in texts] == []


def test_the_lock_names_no_registry() -> None:
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
