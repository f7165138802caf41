"""Commands of a deployment, and the checks that hold the rules: run as an operator would."""

import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from django.conf import settings
from django.core import checks
from django.core.management import call_command

from netra import env

MANAGE = str(settings.BASE_DIR / "manage.py")
PRODUCTION = {
    "NETRA_ENV": "production",
    "NETRA_SECRET_KEY": "only-for-this-test-0123456789-only-for-this-test-0123456789",
    "NETRA_ALLOWED_HOSTS": "netra.example",
}
HASHED = re.compile(r"\.[0-9a-f]{12}\.")
# How the modules of ours are written; minified ones hold such words in their text, too.
IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.{1,2}/[^"']+)["'];""", re.M)


def manage(var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` in production, in an environment with nothing else."""
    return subprocess.run(
        [sys.executable, MANAGE, *arguments],
        cwd=settings.BASE_DIR,
        env={"PATH": env.required("PATH"), "NETRA_VAR": str(var)} | PRODUCTION | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    var = tmp_path_factory.mktemp("var")
    answer = manage(var, "collectstatic", "--no-input")
    assert answer.returncode == 0, answer.stderr
    return var / "static"


@pytest.fixture(scope="module")
def names(collected: Path) -> dict[str, str]:
    """Each file's name in our sources, and the name it is served by."""
    manifest = json.loads((collected / "staticfiles.json").read_text())
    paths: dict[str, str] = manifest["paths"]
    return paths


def test_every_file_of_ours_is_served_by_a_name_with_its_hash(
    collected: Path, names: dict[str, str]
) -> None:
    folders = (settings.BASE_DIR / "netra/static", settings.BASE_DIR / "chat/static")
    ours = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }

    assert len(ours) > 20
    assert ours <= names.keys()
    assert [name for name in ours if not HASHED.search(names[name])] == []
    assert [name for name in ours if not (collected / names[name]).is_file()] == []


def test_modules_import_each_other_by_those_names(collected: Path, names: dict[str, str]) -> None:
    modules = [name for name in names if name.endswith(".js") and name.startswith("chat/")]
    imported = {
        (name, target)
        for name in modules
        for target in IMPORT.findall((collected / names[name]).read_text())
    }

    assert len(imported) > 20
    for name, target in imported:
        assert HASHED.search(target), (name, target)
        assert (collected / PurePosixPath(names[name]).parent / target).is_file(), (name, target)


def test_vendored_modules_are_served_unchanged(collected: Path, names: dict[str, str]) -> None:
    vendored = sorted((settings.BASE_DIR / "netra/static/vendor").glob("*.js"))

    assert vendored
    for path in vendored:
        assert (collected / names[f"vendor/{path.name}"]).read_bytes() == path.read_bytes()


def test_what_compresses_is_there_compressed(collected: Path, names: dict[str, str]) -> None:
    for name in ("chat/main.js", "netra/tokens.css", "vendor/highlight.js"):
        path = collected / names[name]
        assert path.with_name(f"{path.name}.gz").is_file() or path.stat().st_size < 1000


def test_a_deployment_passes_its_checks(tmp_path: Path) -> None:
    answer = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.django_db
def test_the_models_and_the_migrations_agree() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


def test_postgresql_is_accepted() -> None:
    assert [error for error in checks.run_checks() if error.id == "netra.E001"] == []


def test_any_other_database_is_refused(tmp_path: Path) -> None:
    more = "DATABASES['more'] = {'ENGINE': 'django.db.backends.sqlite3'}"
    (tmp_path / "with_sqlite.py").write_text(f"from netra.settings import *\n{more}\n")

    answer = manage(
        tmp_path, "check", DJANGO_SETTINGS_MODULE="with_sqlite", PYTHONPATH=str(tmp_path)
    )

    assert answer.returncode == 1
    assert "(netra.E001) Database 'more' is SQLite, not PostgreSQL." in answer.stderr
    assert "DATABASE_URL" in answer.stderr


# The lint that holds the doors


def lint(tmp_path: Path, source: str, name: str) -> list[str]:
    """The codes that ruff finds in `source`, were it the file `name` of ours."""
    command = [
        *(sys.executable, "-m", "ruff", "check", "--output-format=json", "--quiet"),
        *(f"--cache-dir={tmp_path}", f"--stdin-filename={settings.BASE_DIR / name}", "-"),
    ]
    answer = subprocess.run(
        command, cwd=settings.BASE_DIR, input=source, capture_output=True, text=True, timeout=60
    )
    return [finding["code"] for finding in json.loads(answer.stdout)]


BANNED = [
    "import os\n\nprint(os.environ)\n",
    'import os\n\nos.environ["HOME"] = "x"\n',
    'import os\n\nprint(os.getenv("HOME"))\n',
    "import os\n\nprint(os.environb)\n",
    'import os\n\nos.putenv("HOME", "x")\n',
    "from os import environ\n\nprint(environ)\n",
    "from os import getenv\n\nprint(getenv)\n",
    "import unittest.mock\n\nprint(unittest.mock.Mock)\n",
    "from unittest import mock\n\nprint(mock)\n",
    "from unittest.mock import patch\n\nprint(patch)\n",
]


@pytest.mark.parametrize("source", BANNED)
@pytest.mark.parametrize("name", ["chat/new.py", "tests/chat/test_new.py"])
def test_the_environment_and_mocks_are_out_of_reach(tmp_path: Path, source: str, name: str) -> None:
    assert set(lint(tmp_path, source, name)) == {"TID251"}


def test_only_the_environment_module_may_read_it(tmp_path: Path) -> None:
    assert lint(tmp_path, BANNED[0], "netra/env.py") == []
