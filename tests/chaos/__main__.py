"""`python -m tests.chaos [--seed N] [--users N] [--seconds N]`: a storm, and a report of it."""

import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from netra import env, processes
from netra.engines import Postgres, Valkey
from netra.env import Environment
from netra.processes import Program

# An interrupt lets it thaw what it has frozen, and end what it has started.
STORM: Final = Program(
    name="storm",
    argv=(sys.executable, "-m", "tests.chaos.run", *sys.argv[1:]),
    stop_signal=signal.SIGINT,
    orphan_signal=signal.SIGINT,
    stop_within_s=60,
)


def environment(var: Path) -> dict[str, str | None]:
    """Engines of the storm's own; what a developer has set for their own run does not count."""
    cleared = dict.fromkeys(name for name in env.everything() if name.startswith("NETRA_"))
    return cleared | {
        "DJANGO_SETTINGS_MODULE": "netra.settings",
        "DATABASE_URL": Postgres(var).url,
        "REDIS_URL": Valkey(var).url,
        "NETRA_ENV": Environment.TEST,
        "NETRA_VAR": str(var),
        # One address stands for all users, which limits per network would take for a flood.
        "NETRA_RATE_SCALE": "1000",
        # Slow enough that people stop and reload in the middle of an answer.
        "NETRA_ASSISTANT_TOKENS_PER_S": "20",
    }


def main() -> int:
    # Leave by the way that cleans up.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    with (
        tempfile.TemporaryDirectory(prefix="netra-chaos-") as folder,
        env.override(**environment(Path(folder))),
    ):
        process = processes.spawn(STORM)
        try:
            return process.wait()
        finally:
            processes.end(process, STORM)


if __name__ == "__main__":
    sys.exit(main())
