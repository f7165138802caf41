"""`python -m bench [section …]`: starts engines of its own, measures, prints, cleans up.

Without a section it measures all of them; a wrong one is answered with their names.
"""

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


def main() -> int:
    # Leave by the way that cleans up.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="netra-bench-") as folder:
        var = Path(folder)
        with env.override(**environment(var)), engines.running([Postgres(var), Valkey(var)]):
            manage = [sys.executable, str(ROOT / "manage.py")]
            subprocess.run([*manage, "migrate", "--no-input", "--verbosity", "0"], check=True)
            measure = [sys.executable, "-m", "bench.run", *sys.argv[1:]]
            return subprocess.run(measure, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
