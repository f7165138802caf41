"""One thing that was looked at: how it is, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    # It works, and will not for ever or not for everybody.
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    name: str
    verdict: Verdict
    found: str
    # What to do; empty where nothing is to be done.
    advice: str = ""


# Each check gives one finding or several.
Findings = Iterator[Finding]


def fine(name: str, found: str) -> Finding:
    return Finding(name=name, verdict=Verdict.OK, found=found)


def warning(name: str, found: str, advice: str) -> Finding:
    return Finding(name=name, verdict=Verdict.WARNING, found=found, advice=advice)


def problem(name: str, found: str, advice: str) -> Finding:
    return Finding(name=name, verdict=Verdict.PROBLEM, found=found, advice=advice)
