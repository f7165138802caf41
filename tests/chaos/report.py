"""A storm as a table that people read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.plan import Plan
from tests.chaos.watch import Row

HEAD = (
    "| at | fault | lasts | longest silence, p50 and max | sockets opened | closed with "
    "| memory | broken |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What there is to say of a storm that is over."""

    plan: Plan
    machine: Sequence[str]
    rows: Sequence[Row]
    # What was counted, by its name.
    totals: Mapping[str, object]
    # The most memory of each process, in MiB.
    memory_mib: Mapping[str, int]
    faults: Sequence[str]

    def lines(self) -> Iterator[str]:
        plan = self.plan
        yield f"Seed {plan.seed}, {plan.users} users, {plan.seconds:g} s. {'; '.join(self.machine)}"
        yield ""
        yield HEAD
        for row in self.rows:
            yield _line(row)
        yield ""
        yield "; ".join(f"{name} {value}" for name, value in self.totals.items())
        yield ""
        most = ", ".join(f"{name} {value}" for name, value in self.memory_mib.items())
        yield f"Most memory, MiB: {most}"
        yield ""
        yield f"Broken: {len(self.faults)}"
        for words in self.faults:
            yield f"- {words}"

    def __str__(self) -> str:
        return "\n".join(self.lines()) + "\n"


def _line(row: Row) -> str:
    p50, most = row.silence_s
    cells = (
        f"{row.began_s:.1f} s",
        _deed(row),
        f"{row.took_s:.1f} s",
        f"{p50:.1f} s, {most:.1f} s",
        str(row.sockets),
        codes(row.codes) or "–",
        f"{row.memory_mib} MiB",
        str(row.faults),
    )
    return f"| {' | '.join(cells)} |"


def _deed(row: Row) -> str:
    what = row.step.deed.partition(" ")[2]
    jump = f" by {row.step.jump_s} s" if row.step.deed.startswith("clock") else ""
    which = f" {row.step.target + 1}" if what in ("web", "worker", "network") else ""
    return f"{row.step.deed}{which}{jump}"


def codes(counted: Counter[int]) -> str:
    """Close codes with how often each came, as `1006 × 3`."""
    return ", ".join(f"{code} × {count}" for code, count in sorted(counted.items()))
