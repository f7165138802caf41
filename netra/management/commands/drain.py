"""`manage.py drain`: sends the clients of web processes elsewhere, before these are stopped."""

import time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat import nodes

LOOKED_EVERY_S: Final = 0.2


class Command(BaseCommand):
    help = (
        "Ask web processes to send their clients away (close code 1012) and to take no new ones; "
        "waits until nobody is connected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "node", nargs="*", help="names of web processes (see --list); all without any"
        )
        parser.add_argument("--list", action="store_true", help="show the web processes and end")
        parser.add_argument("--cancel", action="store_true", help="let them take clients again")
        parser.add_argument(
            "--within", type=float, default=30.0, metavar="SECONDS", help="wait so long (30)"
        )

    def handle(
        self,
        *_args: Any,
        node: list[str],
        list: bool,
        cancel: bool,
        within: float,
        **_options: Any,
    ) -> None:
        if list:
            self._show()
            return
        names = self._named(node)
        if cancel:
            nodes.cancel_drain(names)
            self.stdout.write(f"{len(names)} web processes take connections again.")
            return
        nodes.request_drain(names)
        self._wait(names, within_s=within)
        self.stdout.write(f"{len(names)} web processes are drained.")

    def _show(self) -> None:
        for one in nodes.alive():
            drained = ", drained" if one.drain_requested_at else ""
            self.stdout.write(f"{one.name}: {one.connections} connections{drained}")

    def _named(self, wanted: list[str]) -> list[str]:
        alive = [one.name for one in nodes.alive()]
        unknown = sorted(set(wanted) - set(alive))
        if unknown:
            raise CommandError(f"no web process beats under the name {', '.join(unknown)}")
        if not alive:
            raise CommandError("no web process is running")
        return wanted or alive

    def _wait(self, names: list[str], *, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while busy := nodes.busy(names):
            if time.monotonic() > deadline:
                still = ", ".join(f"{one.name} ({one.connections})" for one in busy)
                raise CommandError(f"clients are still connected after {within_s:g} s: {still}")
            time.sleep(LOOKED_EVERY_S)
