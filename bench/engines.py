"""The engines of a measurement, and the process that measures on them."""

import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from netra import engines, env
from netra.engines import Postgres, Valkey

ROOT: Final = Path(__file__).resolve().parent.parent


def environment(var: Path) -> dict[str, str | None]:
    """Production's settings on engines of the bench's own; a developer's variables do not count."""
    cleared = dict.fromkeys(name for name in env.everything() if name.startswith("NETRA_"))
    return cleared | {
        "DJANGO_SETTINGS_MODULE": "netra.settings",
        "DATABASE_URL": Postgres(var).url,
        "REDIS_URL": Valkey(var).url,
        "NETRA_ENV": "production",
        "NETRA_VAR": str(var),
        "NETRA_SECRET_KEY": secrets.token_urlsafe(48),
        "NETRA_ALLOWED_HOSTS": "127.0.0.1",
        # One address stands for all users, which limits per network would take for a flood.
        "NETRA_RATE_SCALE": "1000",
    }


def run_on_engines(module: str, *arguments: str, preload: str = "") -> int:
    """Run a module on engines in a temporary folder; gives its exit status, and cleans up.

    PostgreSQL loads the library `preload` at its start.
    """
    # Leave by the way that cleans up.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="netra-bench-") as folder:
        var = Path(folder)
        postgres = Postgres(var)
        if preload:
            postgres.prepare()
            with (postgres.data / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write(f"shared_preload_libraries = '{preload}'\n")
        with env.override(**environment(var)), engines.running([postgres, Valkey(var)]):
            manage = [sys.executable, str(ROOT / "manage.py")]
            subprocess.run([*manage, "migrate", "--no-input", "--verbosity", "0"], check=True)
            measure = [sys.executable, "-m", module, *arguments]
            return subprocess.run(measure, check=False).returncode
