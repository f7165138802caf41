"""What a load is asked to be: how many users, for how long, in which manner."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

Mode = Literal["steady", "burst"]

# Each user takes a descriptor here and one in the server; what a generator's core can read is less.
USERS_MAX: Final = 8000
SECONDS_MAX: Final = 3600
PROCESSES_MAX: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`think_s` is a mean; for `quiet_s` everybody is connected and nobody says anything."""

    users: int
    seconds: float
    mode: Mode
    think_s: float
    quiet_s: float
    webs: int
    workers: int
    tokens_per_s: int
    seed: int
    url: str
    accounts: Path | None


def read_options(arguments: Sequence[str]) -> Options:
    """Ends the program where an argument is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--mode", choices=get_args(Mode), default="steady")
    parser.add_argument("--think", type=float, default=10.0, help="mean s between two messages")
    parser.add_argument("--quiet", type=float, default=20.0, help="s of mere connections before")
    parser.add_argument("--webs", type=int, default=1, help="web processes")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--tokens", type=int, default=25, help="a second, of each answer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="", help="a server that runs already")
    parser.add_argument("--accounts", type=Path, help="its users: API token, or address password")
    asked = parser.parse_args(arguments)
    for name, most in (
        ("users", USERS_MAX),
        ("seconds", SECONDS_MAX),
        ("webs", PROCESSES_MAX),
        ("workers", PROCESSES_MAX),
    ):
        if not 1 <= getattr(asked, name) <= most:
            parser.error(f"--{name} is 1 to {most}")
    if asked.think <= 0 or asked.quiet < 0 or asked.tokens < 0:
        parser.error("--think is above 0, --quiet and --tokens are not below it")
    if bool(asked.url) != bool(asked.accounts):
        parser.error("--url and --accounts go together")
    return Options(
        users=asked.users,
        seconds=asked.seconds,
        mode=asked.mode,
        think_s=asked.think,
        quiet_s=asked.quiet,
        webs=asked.webs,
        workers=asked.workers,
        tokens_per_s=asked.tokens,
        seed=asked.seed,
        url=asked.url,
        accounts=asked.accounts,
    )
