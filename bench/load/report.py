"""What a load showed, as Markdown tables."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bench.load.meter import Counts, Meter
from bench.load.readings import System
from bench.table import quantile

KIB: Final = 1024
MIB: Final = 1024 * KIB


def traffic(counts: Counts, *, connections: int, seconds: float) -> Iterator[str]:
    """`counts` are of these seconds alone."""
    yield from _table(
        ("traffic", "in all", "a second"),
        [
            ("connections", f"{connections:,}", ""),
            *(
                (name, f"{value:,}", f"{value / seconds:,.1f}")
                for name, value in (
                    ("sends", counts.sends),
                    ("acknowledged, with stops and new answers", counts.acks),
                    ("answers that ended", counts.answers),
                    ("deliveries: events at a socket", counts.deliveries),
                    ("pieces of text at a socket", counts.pieces),
                    ("frames of all kinds", counts.frames),
                    ("KiB to clients", counts.bytes // KIB),
                )
            ),
        ],
    )


def times(meter: Meter) -> Iterator[str]:
    named = (
        ("connect to `ready`", meter.to_ready_ms),
        ("send to ack", meter.to_ack_ms),
        ("send to its first event", meter.to_first_event_ms),
        ("send to the first text", meter.to_first_token_ms),
        ("delivery: an event's own time to a socket", meter.delivery_ms),
    )
    yield from _table(
        ("ms", "p50", "p95", "p99", "of"),
        [
            (
                name,
                *(f"{quantile(list(took), share):,.1f}" for share in (0.5, 0.95, 0.99)),
                f"{len(took):,}",
            )
            for name, took in named
            if took
        ],
    )


def faults(meter: Meter) -> Iterator[str]:
    """How answers ended, and everything that went wrong."""
    yield from _table(
        ("ends, errors, closes", "", "number"),
        [
            *(("answers that ended", end, f"{count:,}") for end, count in meter.ends.items()),
            *(
                (f"error `{code}`", "to be tried again" if again else "final", f"{count:,}")
                for (code, again), count in meter.errors.items()
            ),
            *(("socket closed", str(code), f"{count:,}") for code, count in meter.closes.items()),
            ("errors and closes", "", f"{meter.errors.total() + meter.closes.total():,}"),
        ],
    )


def processes(before: System, begun: System, ended: System, *, messages: int) -> Iterator[str]:
    """Each process while everybody was quiet, and then while they talked."""
    quiet_s, talk_s = begun.at - before.at, ended.at - begun.at
    rows = []
    for name, last in ended.processes.items():
        first, middle = before.processes[name], begun.processes[name]
        quiet = (middle.cpu_s - first.cpu_s) / quiet_s
        talk_cpu_s = last.cpu_s - middle.cpu_s
        message_ms = 1000 * (talk_cpu_s - quiet * talk_s) / messages
        rows.append(
            (
                name,
                f"{100 * quiet:.1f}",
                f"{100 * talk_cpu_s / talk_s:.1f}",
                f"{message_ms:.1f}",
                f"{first.memory_bytes / MIB:,.0f}",
                f"{last.memory_bytes / MIB:,.0f}",
            )
        )
    yield from _table(
        (
            "process",
            "quiet, % of a core",
            "talking, % of a core",
            "ms of computing a message",
            "MiB at first",
            "MiB at last",
        ),
        rows,
    )


def stores(before: System, begun: System, ended: System, *, messages: int) -> Iterator[str]:
    """Database and bus: a second of quiet, a second of talk, and what a message adds."""
    quiet_s, talk_s = begun.at - before.at, ended.at - begun.at
    rows = []
    for name, first, middle, last in _loads(before, begun, ended):
        quiet = (middle - first) / quiet_s
        message = (last - middle - quiet * talk_s) / messages
        rows.append((name, f"{quiet:,.1f}", f"{(last - middle) / talk_s:,.1f}", f"{message:,.1f}"))
    yield from _table(("database and bus", "quiet, 1/s", "talking, 1/s", "a message"), rows)
    yield ""
    yield f"Sessions in PostgreSQL: {before.database.sessions}, {ended.database.sessions} at last."


def _loads(*systems: System) -> Iterator[tuple[str, float, float, float]]:
    for name, values in (
        ("transactions", [one.database.transactions for one in systems]),
        ("statements", [one.database.statements for one in systems]),
        ("rows written", [one.database.rows_written for one in systems]),
        ("rows fetched by an index", [one.database.rows_fetched for one in systems]),
        ("WAL, KiB", [one.database.wal_bytes / KIB for one in systems]),
        ("bus: commands", [one.bus.commands for one in systems]),
        ("bus: KiB to it", [one.bus.in_bytes / KIB for one in systems]),
        ("bus: KiB from it", [one.bus.out_bytes / KIB for one in systems]),
    ):
        first, middle, last = values
        yield name, first, middle, last


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
