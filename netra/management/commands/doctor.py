"""`manage.py doctor`: looks at a deployment and says what to do."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from netra.doctor.bus import check_bus
from netra.doctor.clocks import check_clocks
from netra.doctor.database import check_database, check_migrations, check_processes
from netra.doctor.findings import Finding, Findings, Verdict
from netra.doctor.models import check_models
from netra.doctor.place import (
    check_backups,
    check_files,
    check_mail,
    check_settings,
    check_static,
)
from netra.doctor.replica import check_replica
from netra.doctor.secrets import check_sealed

Check = Callable[[], Findings]
# Of the machine and of what it reaches.
PLACE: Final[tuple[Check, ...]] = (
    check_settings,
    check_static,
    check_files,
    check_mail,
    check_replica,
    check_bus,
    check_clocks,
)
MARKS: Final = {Verdict.OK: "ok     ", Verdict.WARNING: "warning", Verdict.PROBLEM: "PROBLEM"}


class Command(BaseCommand):
    help = "Look at this deployment and say what to do; ends with 1 where there is a problem."
    requires_system_checks = ()  # they are among what it looks at

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="findings as JSON")
        parser.add_argument(
            "--probe", action="store_true", help="ask every connected model for a word, too"
        )
        parser.add_argument(
            "--before-start", action="store_true", help="leave out what needs running processes"
        )

    def handle(
        self, *_args: Any, json: bool, probe: bool, before_start: bool, **_options: Any
    ) -> None:
        findings = list(check_database())
        if all(finding.verdict is not Verdict.PROBLEM for finding in findings):
            # Else each would wait for it in turn, and say the same.
            findings += check_migrations()
        if all(finding.verdict is not Verdict.PROBLEM for finding in findings):
            findings += _of_rows(probe=probe, before_start=before_start)
        checks = PLACE if before_start else (*PLACE, check_backups)
        findings += [finding for check in checks for finding in check()]
        self._tell_json(findings) if json else self._tell(findings)
        if any(finding.verdict is Verdict.PROBLEM for finding in findings):
            sys.exit(1)

    def _tell(self, findings: list[Finding]) -> None:
        for one in findings:
            self.stdout.write(f"{MARKS[one.verdict]}  {one.name}: {one.found}")
            if one.advice:
                self.stdout.write(f"         {one.advice}")

    def _tell_json(self, findings: list[Finding]) -> None:
        self.stdout.write(json.dumps([asdict(one) for one in findings], indent=1))


def _of_rows(*, probe: bool, before_start: bool) -> list[Finding]:
    """What needs the tables as they are to be."""
    if before_start:
        return list(check_sealed())
    return [*check_sealed(), *check_processes(), *check_models(probe=probe)]
