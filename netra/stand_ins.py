"""Stand-ins for Google, GitHub and LinkedIn on this machine: for development, never deployed."""

import socket
from pathlib import Path
from typing import Final

from accounts import endpoints
from netra.processes import ProcessError, Program
from tools import node

HOST: Final = "127.0.0.1"
CLIENT_ID: Final = "netra-local"
CLIENT_SECRET: Final = "known-to-everybody-and-good-on-this-machine-only"  # noqa: S105
SCRIPT: Final = Path(__file__).resolve().parent.parent / "tools" / "providers" / "main.mjs"


def ports(first: int) -> tuple[int, ...]:
    """One port for each provider, in the order of `endpoints.PROVIDERS`."""
    return tuple(range(first, first + len(endpoints.PROVIDERS)))


def arguments(ports_: tuple[int, ...]) -> tuple[str, ...]:
    """What Node is to run; port 0 is any free one."""
    return (str(SCRIPT), CLIENT_ID, CLIENT_SECRET, *map(str, ports_))


def program(first: int, *, log: Path) -> Program:
    """How to run all three, from port `first` on; raises ProcessError where Node is missing."""
    if not node.are_packages_installed():
        raise ProcessError("the stand-ins need Node and its packages: run `make run PROVIDERS=1`")
    argv = (str(node.node()), *arguments(ports(first)))
    return Program(name="providers", argv=argv, log=log, stop_within_s=1.0)


def environment(first: int) -> dict[str, str]:
    """The variables by which a server finds the stand-ins that listen from port `first` on."""
    variables: dict[str, str] = {}
    for name, port in zip(endpoints.PROVIDERS, ports(first), strict=True):
        prefix = f"NETRA_OAUTH_{name.upper()}"
        variables |= {
            f"{prefix}_CLIENT_ID": CLIENT_ID,
            f"{prefix}_SECRET": CLIENT_SECRET,
            f"{prefix}_BASE_URL": f"http://{HOST}:{port}",
        }
    return variables


def listen(first: int) -> bool:
    """Do all of them take connections?"""
    return all(_listens(port) for port in ports(first))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
