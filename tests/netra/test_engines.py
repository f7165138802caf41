"""The embedded engines, started for real."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from netra import engines, processes, upfile
from netra.engines import EngineError, Postgres, Valkey

# A parent that runs both engines and tells their process ids, to be killed by the test.
PARENT = """
import sys, time
from pathlib import Path
from netra import engines, processes
var = Path(sys.argv[1])
for engine in (engines.Postgres(var), engines.Valkey(var)):
    engine.prepare()
    process = processes.spawn(engine.program)
    engines.wait_until_ready(engine, process)
    print(process.pid, flush=True)
time.sleep(600)
"""


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def gone(pids: list[int]) -> bool:
    return all(processes.started_at(pid) is None for pid in pids)


def record_of(up: int, started_at: str) -> upfile.UpRecord:
    return upfile.UpRecord(
        up=up,
        up_started_at=started_at,
        web=None,
        worker=None,
        postgres=None,
        valkey=None,
        database_url="postgresql://elsewhere/netra",
        redis_url="redis://elsewhere",
    )


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose PostgreSQL was run and stopped once."""
    var = tmp_path_factory.mktemp("engines") / "var"
    with engines.running([Postgres(var, durable=False)]):
        pass
    return var


def test_addresses_are_those_of_the_engines(var: Path) -> None:
    where = engines.addresses(var)
    with (
        engines.running([Postgres(var), Valkey(var)]),
        psycopg.connect(where.database_url) as connection,
    ):
        row = connection.execute("SELECT current_user, current_database()").fetchone()
        assert row == ("netra", "netra")
        assert Valkey(var).answers()
        assert where.redis_url == f"unix://{var}/valkey.sock"


def test_nothing_listens_on_a_port(var: Path) -> None:
    with engines.running([Postgres(var)]), psycopg.connect(Postgres(var).url) as connection:
        row = connection.execute("SHOW listen_addresses").fetchone()
    assert row == ("",)
    assert "--port 0" in " ".join(Valkey(var).program.argv)


def test_data_survive_a_restart(var: Path) -> None:
    with engines.running([Postgres(var)]), psycopg.connect(Postgres(var).url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with engines.running([Postgres(var)]), psycopg.connect(Postgres(var).url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_the_needed_extensions_are_there(var: Path) -> None:
    with engines.running([Postgres(var)]), psycopg.connect(Postgres(var).url) as connection:
        for name in ("btree_gist", "pg_trgm", "unaccent"):
            connection.execute(f"CREATE EXTENSION {name}")


def test_others_can_read_neither_the_folder_nor_the_logs(var: Path) -> None:
    assert var.stat().st_mode & 0o077 == 0
    assert (var / "postgres").stat().st_mode & 0o077 == 0
    assert (var / "postgres.log").stat().st_mode & 0o077 == 0


# The rights of an ordinary user, and the one to reach an interpreter that root keeps to itself.
AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
)


@pytest.mark.parametrize("prefix", [(), AS_NOBODY], ids=["as_we_are", "as_nobody"])
def test_engines_die_with_a_parent_that_was_killed(tmp_path: Path, prefix: tuple[str, ...]) -> None:
    if prefix and os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    var = tmp_path / "var"
    if prefix:
        var.mkdir()
        os.chown(var, 65534, 65534)
    command = [*prefix, sys.executable, "-c", PARENT, str(var)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=settings.BASE_DIR)
    with parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        assert not gone(pids)
        parent.kill()
    assert within(15, lambda: gone(pids))


def test_a_server_left_by_a_killed_parent_is_replaced(var: Path) -> None:
    postgres = Postgres(var)
    leftover = processes.spawn(postgres.program)
    engines.wait_until_ready(postgres, leftover)
    with engines.running([postgres]):
        assert leftover.wait(10) == 0
        assert postgres.answers()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["living", "gone"])
def test_a_stale_lock_is_no_obstacle(var: Path, pid: int) -> None:
    (var / "postgres" / "postmaster.pid").write_text(f"{pid}\n{var}/postgres\n")
    with engines.running([Postgres(var)]):
        assert Postgres(var).answers()


def test_postgres_starts_again_after_a_kill(var: Path) -> None:
    postgres = Postgres(var)
    postgres.prepare()
    process = processes.spawn(postgres.program)
    engines.wait_until_ready(postgres, process)
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE before_the_kill ()")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with engines.running([postgres]), psycopg.connect(postgres.url) as connection:
        connection.execute("SELECT FROM before_the_kill")


def test_a_crash_while_data_are_made_leaves_nothing_half_made(tmp_path: Path) -> None:
    half = tmp_path / "var" / "postgres.new" / "base"
    half.mkdir(parents=True)
    (half / "1").write_text("half")
    with engines.running([Postgres(tmp_path / "var", durable=False)]):
        assert not half.exists()


@pytest.mark.parametrize("name", ["x" * 90, "with space & % ünïcode"])
def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    var = tmp_path / name
    with engines.running([Postgres(var, durable=False), Valkey(var)]):
        where = engines.addresses(var)
        with psycopg.connect(where.database_url):
            assert Valkey(var).answers()
        folder = engines.socket_folder(var)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert conninfo_to_dict(where.database_url)["host"] == str(folder)
    if folder != var.resolve():
        folder.rmdir()


def test_a_long_path_moves_the_sockets_to_a_short_one() -> None:
    long = Path("/srv") / ("x" * 90)
    assert engines.socket_folder(Path("/srv/var")) == Path("/srv/var")
    assert len(str(engines.socket_folder(long) / engines.POSTGRES_SOCKET)) <= 100
    assert engines.socket_folder(long) != engines.socket_folder(long / "other")


def test_a_short_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    var = tmp_path / ("x" * 90)
    folder = engines.socket_folder(var)
    folder.mkdir()
    folder.chmod(0o777)
    try:
        with pytest.raises(EngineError, match="remove it"):
            engines.make_folders(var)
    finally:
        folder.rmdir()


def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EngineError, match="made by version 9"):
        Postgres(tmp_path).prepare()


def test_an_engine_that_does_not_start_says_why(var: Path) -> None:
    broken = var / "postgres" / "postgresql.auto.conf"
    before = broken.read_bytes()
    broken.write_bytes(b"no_such_setting = 1\n")
    try:
        with pytest.raises(EngineError, match="no_such_setting"), engines.running([Postgres(var)]):
            pass
    finally:
        broken.write_bytes(before)


def test_addresses_follow_the_up_that_runs(tmp_path: Path) -> None:
    upfile.write(tmp_path, record_of(os.getpid(), processes.started_at(os.getpid()) or ""))
    assert engines.addresses(tmp_path).database_url == "postgresql://elsewhere/netra"
    assert upfile.up_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_the_record_of_a_dead_up_counts_as_none(tmp_path: Path) -> None:
    record = record_of(os.getpid(), "another start time")
    upfile.write(tmp_path, record)
    assert upfile.read(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"up": 1}', "\0"])
def test_a_spoiled_record_counts_as_none(tmp_path: Path, content: str) -> None:
    upfile.up_file(tmp_path).write_text(content)
    assert upfile.read(tmp_path) is None
    assert engines.addresses(tmp_path).redis_url == Valkey(tmp_path).url
