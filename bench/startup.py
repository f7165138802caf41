"""How long a web process takes from nothing to its first connection."""

import socket
import subprocess
import sys
import time
from typing import Final

from bench import servers
from bench.table import Rival, Row, Wanted

REPEATS: Final = 7
BARE: Final = (
    "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'netra.settings'; "
    "import django; django.setup()"
)
LOOKS_EVERY_S: Final = 0.005


async def rows() -> list[Row]:
    # The first ones find nothing in the file cache.
    _bare(), _web()
    pairs = [(_web(), _bare()) for _ in range(REPEATS)]
    return [
        Row(
            name="start of `web`, to the first connection it accepts",
            unit="ms",
            netra=[web for web, _bare in pairs],
            beside=Rival(name="django.setup()", values=[bare for _web, bare in pairs]),
            wanted=(Wanted(bound="most", value=1.3, of="ratio"),),
        )
    ]


def _bare() -> float:
    """A process that only sets Django up, with the same applications, and ends."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE], check=True)
    return (time.perf_counter() - begun) * 1000


def _web() -> float:
    begun = time.perf_counter()
    with servers.starting() as port:
        while not _accepts(port):
            time.sleep(LOOKS_EVERY_S)
        return (time.perf_counter() - begun) * 1000


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
