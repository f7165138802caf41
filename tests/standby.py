"""A streaming replica of the tests' own PostgreSQL."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from django.conf import settings

from bench.machine import descendants
from netra.engines import OWNER, Postgres, wait_until_ready
from netra.processes import Program, end, spawn


class Standby:
    """The server; it dies with the thread that started it."""

    def __init__(self, engine: Postgres) -> None:
        self.engine = engine
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.engine.prepare()
        self._process = spawn(self.engine.program)
        wait_until_ready(self.engine, self._process)

    def kill(self) -> None:
        """End it as a machine that fails does: its sessions with it, which may answer once more."""
        assert self._process is not None
        sessions = list(descendants(self._process.pid))
        for pid in (self._process.pid, *sessions):
            # They end by themselves, too, once the first of them is gone.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, self.engine.program)

    def url(self, database: str) -> str:
        return f"postgresql://{OWNER}@/{database}?host={quote(str(self.engine.folder))}"

    def run(self, statement: LiteralString) -> None:
        url = self.url("postgres")
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(statement)


@contextmanager
def standby(var: Path) -> Iterator[Standby]:
    """One that replays what the server of the tests' own database writes; of no other."""
    primary, engine = Postgres(settings.VAR_DIR), Postgres(var, durable=False)
    program = primary.program
    engine.data.mkdir(mode=0o700)
    if program.account is not None:
        os.chown(engine.data, program.account.uid, program.account.gid)
    copy = Program(
        name="pg_basebackup",
        argv=(
            str(Path(program.argv[0]).with_name("pg_basebackup")),
            *("-h", str(primary.folder), "-U", OWNER, "-D", str(engine.data)),
            *("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"),
        ),
        environment=program.environment,
        account=program.account,
        log=var / "pg_basebackup.log",
    )
    assert spawn(copy).wait(60) == 0, (var / "pg_basebackup.log").read_text()
    running = Standby(engine)
    try:
        running.start()
        yield running
    finally:
        running.stop()
