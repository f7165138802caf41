"""What the figures were measured on, and which core each process runs on."""

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
SHOWN: Final = (
    "Django",
    "channels",
    "channels-redis",
    "uvicorn",
    "websockets",
    "uvloop",
    "psycopg",
)
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
# Taken before anything is pinned.
CORES: Final = sorted(os.sched_getaffinity(0))


@contextmanager
def server_apart() -> Iterator[int]:
    """Keep publisher, reader and engines off one core for a block; it is the server's."""
    # Our parent has the engines as its other children.
    pin(os.getppid(), CORES[1:] or CORES)
    try:
        yield CORES[0]
    finally:
        pin(os.getppid(), CORES)


def description(engines: Iterable[str]) -> list[str]:
    """Lines that say what machine and what versions these are."""
    model = re.search(r"^model name\s*: (.+)$", (PROC / "cpuinfo").read_text("utf-8"), re.MULTILINE)
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    packages = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    return [
        f"{len(CORES)} cores ({model[1] if model else platform.machine()}), {release}",
        f"Python {sys.version.split()[0]}, {packages}, {', '.join(engines)}",
        f"load before: {load}",
    ]


def pin(process: int, cores: Iterable[int]) -> None:
    """Keep a process, its threads and its children on `cores`."""
    wanted = set(cores)
    for one in (process, *descendants(process)):
        for thread in threads(one):
            os.sched_setaffinity(thread, wanted)


def threads(process: int) -> list[int]:
    try:
        return [int(task.name) for task in (PROC / str(process) / "task").iterdir()]
    except FileNotFoundError:
        return []


def descendants(process: int) -> Iterator[int]:
    for thread in threads(process):
        children = PROC / str(process) / "task" / str(thread) / "children"
        for child in map(int, children.read_text("ascii").split()):
            yield child
            yield from descendants(child)


def resident_bytes(process: int) -> int:
    """Memory of a process that is in RAM."""
    pages = (PROC / str(process) / "statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(process: int) -> float:
    """Seconds that a process has computed, its threads included and its children not."""
    fields = (PROC / str(process) / "stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
