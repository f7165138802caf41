"""`python -m conformance URL`: tries every check and prints a line for each."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance import trial
from conformance.subject import APPROVAL_QUESTION, SLOW_QUESTION, Person, Subject


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("url", nargs="?", default="", help="such as http://127.0.0.1:8000")
    parser.add_argument("--email", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--other-email", default="", help="a second account, to be foreign to")
    parser.add_argument("--other-password", default="")
    parser.add_argument("--slow-question", default=SLOW_QUESTION)
    parser.add_argument("--approval-question", default=APPROVAL_QUESTION)
    parser.add_argument("--demo", type=Path, default=Path("var/demo.json"))
    parser.add_argument(
        "--quick", action="store_true", help="leave out what waits for heartbeats and approvals"
    )
    given = parser.parse_args(arguments)
    person = _person(given.email, given.password) or _demo(given.demo)
    if person is None:
        parser.error(f"give --email and --password; {given.demo} is not there")
    subject = Subject(
        url=(given.url or "http://127.0.0.1:8000").rstrip("/"),
        person=person,
        other=_person(given.other_email, given.other_password),
        slow_question=given.slow_question,
        approval_question=given.approval_question,
    )
    return 1 if asyncio.run(trial.run(subject, quick=given.quick)) else 0


def _person(email: str, password: str) -> Person | None:
    return Person(email=email, password=password) if email and password else None


def _demo(path: Path) -> Person | None:
    """The demo user of a `make run` on this machine."""
    try:
        demo = json.loads(path.read_text(encoding="utf-8"))
        return Person(email=demo["email"], password=demo["password"])
    except (OSError, ValueError, KeyError):
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
