"""The doctor finds what was broken, each thing by itself, and says what to do."""

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings as ours
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from chat.model_rows import AgentModel
from chat.models import Node
from netra import processes
from netra.buses import shards_of
from netra.doctor import bus, clocks, database, models, place, secrets
from netra.doctor.findings import Finding, Findings, Verdict
from netra.engines import Postgres
from netra.processes import Program
from netra.sealed import seal
from tests.fakes.mail_server import mail_server
from tests.servers import free_port, wait_until

OK, WARNING, PROBLEM = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM


def verdicts(findings: Findings) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in findings}


def of(findings: Findings, name: str) -> Finding:
    [finding] = [one for one in findings if one.name == name]
    return finding


@pytest.fixture
def pointed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Points the doctor's own sessions elsewhere; Django's are open already."""

    def point(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setitem(connections.settings["default"], name, value)

    return point


@pytest.fixture
def bare_database(transactional_db: None) -> Iterator[str]:
    """A database that is nothing but there: other bytes, no tables; and a role with no rights."""
    with psycopg.connect(**parameters(), autocommit=True) as session:
        session.execute("CREATE ROLE doctor_guest LOGIN")
        session.execute(
            "CREATE DATABASE doctor_bare ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
        )
        try:
            yield "doctor_bare"
        finally:
            session.execute("DROP DATABASE doctor_bare WITH (FORCE)")
            session.execute("DROP ROLE doctor_guest")


def parameters() -> dict[str, Any]:
    given = connection.get_connection_params()
    return {name: given[name] for name in ("host", "port", "user", "dbname") if name in given}


@pytest.mark.django_db(transaction=True)
def test_a_sound_database_has_nothing_to_be_done(settings: Settings) -> None:
    assert set(verdicts(database.check_database()).values()) == {OK}
    assert verdicts(database.check_migrations()) == {"migrations": OK}
    settings.DEPLOYED = True
    assert of(database.check_database(), "rights").verdict is WARNING  # the tests' superuser


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_or_full_shows(
    pointed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ours.DATABASES["default"]["OPTIONS"]["pool"]
    for size, verdict in ((60, WARNING), (120, PROBLEM)):
        monkeypatch.setitem(pool, "max_size", size)
        assert of(database.check_database(), "sessions").verdict is verdict
    pointed(HOST="127.0.0.1", PORT=str(free_port()))
    assert verdicts(database.check_database()) == {"database": PROBLEM}


def test_a_database_of_other_bytes_and_a_role_without_rights_show(
    bare_database: str, pointed: Any
) -> None:
    pointed(NAME=bare_database)
    assert of(database.check_database(), "encoding").verdict is PROBLEM
    pointed(USER="doctor_guest")
    assert of(database.check_database(), "rights").verdict is PROBLEM


@pytest.mark.django_db(transaction=True)
def test_migrations_that_are_missing_show() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'chat' AND name >= '0002'")
    missing = of(database.check_migrations(), "migrations")
    assert missing.verdict is PROBLEM
    assert "0002" in missing.found


@pytest.mark.django_db(transaction=True)
def test_pooling_by_transaction_is_refused_with_a_reason(tmp_path: Path, pointed: Any) -> None:
    pgbouncer = shutil.which("pgbouncer")
    if pgbouncer is None:
        pytest.skip("pgbouncer is not installed")
    port = free_port()
    given = parameters()
    (tmp_path / "users").write_text(f'"{given["user"]}" ""\n')
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={given['host']} port={given.get('port') or 5432}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {tmp_path}/users\npool_mode = transaction\n"
        "ignore_startup_parameters = extra_float_digits,options\n"
    )
    # As PostgreSQL itself runs: its socket lies in a folder that is closed to others.
    account = Postgres(ours.VAR_DIR).program.account
    program = Program(
        name="pgbouncer",
        argv=(pgbouncer, "-q", str(tmp_path / "pgbouncer.ini")),
        account=account,
        log=tmp_path / "pgbouncer.log",
    )
    process = processes.spawn(program)
    try:
        wait_until(lambda: answers(port), within_s=10)
        pointed(HOST="127.0.0.1", PORT=str(port))
        found = of(database.check_database(), "pooling")
    finally:
        processes.end(process, program)
    assert found.verdict is PROBLEM
    assert "LISTEN" in found.advice


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.django_db(transaction=True)
def test_processes_that_do_not_beat_show() -> None:
    assert verdicts(database.check_processes()) == {"web": WARNING, "worker": PROBLEM}
    Node.objects.create(name="one", connections=0, draining=False, beat_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
    assert verdicts(database.check_processes()) == {"web": OK, "worker": OK}


@pytest.fixture
def valkey() -> Iterator["redis.Redis"]:
    """The tests' own bus; what is set there is put back."""
    with redis.Redis.from_url(ours.REDIS_URL) as client:
        names = ("maxmemory", "maxmemory-policy", "client-output-buffer-limit")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        for name, value in before.items():
            client.config_set(name, value)
        client.acl_deluser("doctor")


def test_a_bus_that_is_sound_or_away_or_deaf_shows(
    valkey: "redis.Redis", settings: Settings
) -> None:
    valkey.config_set("maxmemory", "64mb")
    valkey.config_set("maxmemory-policy", "volatile-lru")
    assert set(verdicts(bus.check_bus()).values()) == {OK}
    valkey.config_set("maxmemory-policy", "noeviction")
    valkey.config_set("client-output-buffer-limit", "pubsub 1048576 1048576 10")
    seen = verdicts(bus.check_bus())
    assert (seen["memory"], seen["subscribers"]) == (WARNING, WARNING)
    valkey.config_set("maxmemory", "0")
    assert of(bus.check_bus(), "memory").verdict is WARNING

    valkey.execute_command("ACL", "SETUSER", "doctor", "on", ">pass", "~*", "+@all", "-publish")  # type: ignore[no-untyped-call]  # so in redis
    settings.BUS = shards_of((ours.REDIS_URL.replace("unix://", "unix://doctor:pass@"),))
    assert verdicts(bus.check_bus())["bus"] is PROBLEM
    settings.BUS = shards_of((f"redis://127.0.0.1:{free_port()}",))
    assert verdicts(bus.check_bus()) == {"bus": PROBLEM}


@pytest.mark.django_db(transaction=True)
def test_each_shard_of_the_bus_is_looked_at(settings: Settings) -> None:
    port = free_port()
    settings.BUS = shards_of((ours.REDIS_URL, f"redis://:pass@127.0.0.1:{port}"))
    seen = verdicts(bus.check_bus())
    assert (seen[f"bus {settings.BUS[0].name}"], seen[f"bus 127.0.0.1:{port}"]) == (OK, PROBLEM)
    assert f"clock of the bus {settings.BUS[0].name}" in verdicts(clocks.check_clocks())


def test_an_old_bus_and_a_cluster_show() -> None:
    assert bus._version("bus", {"redis_version": "5.0.3"}).verdict is PROBLEM
    assert bus._version("bus", {"redis_version": "7.2.4", "cluster_enabled": 1}).verdict is PROBLEM
    sound = {"redis_version": "7.2.4", "valkey_version": "9.1.0", "cluster_enabled": 0}
    assert bus._version("bus", sound).verdict is OK


@pytest.mark.django_db(transaction=True)
def test_clocks_that_differ_show() -> None:
    assert set(verdicts(clocks.check_clocks()).values()) == {OK}
    for apart_s, verdict in ((0.2, OK), (-2.0, WARNING), (30.0, PROBLEM)):
        assert clocks.compared("bus", 1000 + apart_s, ours=1000).verdict is verdict


def test_settings_that_serve_nobody_well_show(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    seen = verdicts(place.check_settings())
    assert (seen["hosts"], seen["proxies"]) == (PROBLEM, OK)
    settings.DEPLOYED = True
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    settings.SESSION_COOKIE_SECURE = False
    seen = verdicts(place.check_settings())
    assert (seen["settings"], seen["proxies"]) == (PROBLEM, WARNING)


def test_a_mail_server_that_is_away_shows(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert verdicts(place.check_mail()) == {"mail": PROBLEM}
    with mail_server() as server:
        settings.EMAIL_PORT = int(server.url.rpartition(":")[2])
        assert verdicts(place.check_mail()) == {"mail": OK}


def test_static_files_that_were_not_collected_show(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    assert verdicts(place.check_static()) == {"static": PROBLEM}
    manifest = tmp_path / "staticfiles.json"
    manifest.write_text("{}")
    assert verdicts(place.check_static()) == {"static": OK}
    os.utime(manifest, (0, 0))
    assert verdicts(place.check_static()) == {"static": PROBLEM}


def test_a_folder_that_cannot_be_written_or_has_no_room_shows(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    assert verdicts(place.check_files()) == {"files": OK}
    monkeypatch.setattr(place, "FREE_BYTES_MIN", 2**70)
    assert verdicts(place.check_files()) == {"files": WARNING}
    (tmp_path / "taken").write_text("")
    settings.MEDIA_ROOT = tmp_path / "taken"
    assert verdicts(place.check_files()) == {"files": PROBLEM}


def test_backups_that_did_not_come_show(settings: Settings, tmp_path: Path) -> None:
    stamp = tmp_path / "backup"
    settings.NETRA_BACKUP_STAMP = str(stamp)
    assert verdicts(place.check_backups()) == {"backups": PROBLEM}
    stamp.touch()
    assert verdicts(place.check_backups()) == {"backups": OK}
    old = time.time() - 30 * 3600
    os.utime(stamp, (old, old))
    assert verdicts(place.check_backups()) == {"backups": PROBLEM}
    settings.NETRA_BACKUP_STAMP, settings.DEPLOYED = "", True
    assert verdicts(place.check_backups()) == {"backups": WARNING}


@pytest.mark.django_db
def test_secrets_under_older_and_lost_keys_show(settings: Settings) -> None:
    AgentModel.objects.create(name="One", model_id="one", sealed_key=seal("sk-1"))
    assert verdicts(secrets.check_sealed()) == {"secrets": OK}
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of the deployment"
    assert verdicts(secrets.check_sealed()) == {"secrets": WARNING, "older keys": OK}
    settings.SECRET_KEY_FALLBACKS = []
    assert verdicts(secrets.check_sealed()) == {"secrets": PROBLEM}


@pytest.mark.django_db(transaction=True)
def test_a_model_that_does_not_answer_shows_when_it_is_asked(settings: Settings) -> None:
    assert verdicts(models.check_models()) == {"models": OK}
    settings.NETRA_ALLOW_PRIVATE_URLS = True
    url = f"http://127.0.0.1:{free_port()}/v1"
    AgentModel.objects.create(name="One", model_id="one", url=url, sealed_key=seal("sk-1"))
    assert verdicts(models.check_models()) == {"model One": WARNING}
    assert verdicts(models.check_models(probe=True)) == {"model One": PROBLEM}


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_command_says_so_once_and_at_once(pointed: Any) -> None:
    pointed(HOST="127.0.0.1", PORT=str(free_port()))
    told = StringIO()
    began_s = time.monotonic()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=told)
    assert time.monotonic() - began_s < 10
    assert told.getvalue().count("PROBLEM") == 1
    assert "Start PostgreSQL" in told.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_command_tells_a_person_and_a_program() -> None:
    told = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=told)
    assert ended.value.code == 1
    assert "PROBLEM  worker: none beats\n         Start one" in told.getvalue()
    told = StringIO()
    call_command("doctor", "--before-start", "--json", stdout=told)
    found = json.loads(told.getvalue())
    assert {one["verdict"] for one in found} <= {"ok", "warning"}
    assert not {"worker", "backups"} & {one["name"] for one in found}
