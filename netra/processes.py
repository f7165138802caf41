"""Child processes that cannot outlive their parent, and what tells one process from another."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Never

LINUX: Final = sys.platform == "linux"

# setpriv arms the parent-death signal; the shell then makes sure that the parent did not die before
# it was armed, since such a child would never be told.
_STILL_PARENTED: Final = '[ "$PPID" = "$0" ] && exec "$@"'


class ProcessError(Exception):
    """A program could not be started as it must be; `problem` says what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Account:
    """The numeric user and group a program runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How to run one program: its command, how it is asked to stop, what happens to an orphan."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] | None = None  # None: the parent's
    account: Account | None = None  # None: the parent's
    log: Path | None = None  # None: the parent's output
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_within_s: float = 5.0


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start `program` in a session of its own, tied to the life of the calling thread.

    The kernel sends the orphan signal when the *thread* that started the child ends: call this
    from the main thread. A session of its own keeps the terminal's Ctrl-C away from the child.
    """
    argv = [*_guard(program), *program.argv]
    if program.log is None:
        return _popen(argv, program, None)
    # Logs hold what users wrote, in the statements that failed: only their owner reads them.
    log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return _popen(argv, program, log)
    finally:
        os.close(log)


def _popen(argv: list[str], program: Program, output: int | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- the commands are ours
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=program.environment,
        start_new_session=True,
    )


def _guard(program: Program) -> list[str]:
    if not LINUX:
        if program.account is not None:
            raise ProcessError(f"{program.name} does not run as root here: use another user")
        return []
    setpriv = shutil.which("setpriv") or _without_setpriv()
    drop = [] if program.account is None else _drop_privileges(program.account)
    death = f"--pdeathsig={program.orphan_signal.name.removeprefix('SIG')}"
    return [setpriv, *drop, death, "--", "/bin/sh", "-c", _STILL_PARENTED, str(os.getpid())]


def _without_setpriv() -> Never:
    raise ProcessError("the program setpriv is missing; it belongs to the package util-linux")


def _drop_privileges(account: Account) -> list[str]:
    # dac_override lets the account pass parent folders of mode 700 without changing any of them.
    return [
        f"--reuid={account.uid}",
        f"--regid={account.gid}",
        "--clear-groups",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
    ]


def end(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ask `process` to stop, wait as long as `program` allows, then kill it and its group."""
    if process.poll() is not None:
        return
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_within_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def started_at(pid: int) -> str | None:
    """An opaque start time of a living process; None for one that is gone or a zombie."""
    if not LINUX:
        return _ps(pid, "lstart=") or None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold spaces: proc(5) puts state third and starttime 22nd.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def command_line(pid: int) -> str:
    """The command of a living process, its words joined by spaces; empty when it is gone."""
    if not LINUX:
        return _ps(pid, "command=")
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
        )
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ps(pid: int, column: str) -> str:
    # Where there is no /proc: every such system ships ps.
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def end_stranger(pid: int, *, stop_signal: signal.Signals, within_s: float) -> None:
    """Stop a process that is not our child: ask, wait, then kill."""
    for number, patience_s in ((stop_signal, within_s), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if started_at(pid) is None:
                return
            time.sleep(0.02)
    raise ProcessError(f"process {pid} cannot be stopped")


def last_lines(log: Path | None) -> str:
    """The end of what a program wrote, for the message that says why it failed."""
    if log is None or not log.exists():
        return "it wrote no log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{log} ends with\n" + "\n".join(lines[-8:])
