"""PostgreSQL: version, encoding, rights, migrations, sessions for all, and what is between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from chat import nodes, selectors
from netra.doctor.findings import Finding, Findings, fine, problem, warning

VERSION_MIN: Final = 140000
CONNECT_WITHIN_S: Final = 3
# A worker's own listener and queue, beside the pool of its tasks.
SESSIONS_BESIDE_POOL: Final = 6


@contextmanager
def session(alias: str = DEFAULT_DB_ALIAS) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own: the pool would keep the first, and may be full."""
    parameters = connections[alias].get_connection_params()
    for name in ("context", "cursor_factory", "pool"):
        parameters.pop(name, None)
    parameters["connect_timeout"] = CONNECT_WITHIN_S
    # Named statements do not pass every pooler, and it is to be found out which this is.
    parameters["prepare_threshold"] = None
    with psycopg.connect(**parameters, autocommit=True) as connection:
        yield connection


def check_database() -> Findings:
    try:
        with session() as connection:
            version = connection.info.server_version
            if version < VERSION_MIN:
                yield problem(
                    "database", f"PostgreSQL {version // 10000}", "Upgrade it to 14 or later."
                )
                return
            yield fine("database", f"PostgreSQL {version // 10000} answers")
            yield _encoding(connection)
            yield _collation(connection)
            yield _rights(connection)
            yield _sessions(connection)
        yield _pooling()
    except psycopg.Error as error:
        yield problem("database", told(error), "Start PostgreSQL, or correct DATABASE_URL.")


def told(error: psycopg.Error) -> str:
    """libpq's first line, which says where it tried; none of them holds the password."""
    return str(error).partition("\n")[0]


def _one(connection: psycopg.Connection[Any], query: LiteralString, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]


def _encoding(connection: psycopg.Connection[Any]) -> Finding:
    encoding = _one(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        advice = "Make the database anew with ENCODING 'UTF8' and restore into it."
        return problem("encoding", encoding, advice)
    return fine("encoding", encoding)


def _collation(connection: psycopg.Connection[Any]) -> Finding:
    """Indexes on text are wrong, and unique ones doubled, once the system sorts another way."""
    made, actual = connection.execute(
        "SELECT datcollversion, pg_database_collation_actual_version(oid)"
        " FROM pg_database WHERE datname = current_database()"
        if connection.info.server_version >= 150000
        else "SELECT NULL, NULL"
    ).fetchone() or (None, None)
    if made != actual:
        return problem(
            "collation",
            f"indexes were made under version {made}, the system has {actual}",
            "REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION.",
        )
    return fine("collation", "the version that the indexes were made with")


def _rights(connection: psycopg.Connection[Any]) -> Finding:
    creates, is_superuser = connection.execute(
        "SELECT has_schema_privilege(current_user, current_schema(), 'CREATE'),"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
    ).fetchone() or (False, False)
    if not creates:
        return problem(
            "rights",
            "this role may not create tables",
            "Let it own the database: ALTER DATABASE … OWNER TO …",
        )
    if is_superuser and settings.DEPLOYED:
        return warning(
            "rights",
            "this role is a superuser of PostgreSQL",
            "Give Netra a role of its own that owns its database and nothing else.",
        )
    return fine("rights", "it may migrate")


def _sessions(connection: psycopg.Connection[Any]) -> Finding:
    taken_most, room = connection.execute(
        "SELECT current_setting('max_connections')::int,"
        " current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int"
    ).fetchone() or (0, 0)
    pool: int = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    webs, workers = _processes(connection)
    wanted = webs * pool + workers * (pool + SESSIONS_BESIDE_POOL)
    found = f"{webs} web and {workers} worker processes may take {wanted} of {taken_most} sessions"
    if wanted > room:
        return problem(
            "sessions", found, "Raise max_connections, or lower NETRA_DB_THREADS or the processes."
        )
    if 2 * wanted > room:
        # A deploy starts the new beside the old.
        return warning("sessions", found, "A deploy has both old and new: raise max_connections.")
    return fine("sessions", found)


def _processes(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Those that beat; one of each where the tables are not made yet."""
    try:
        webs = _one(
            connection,
            "SELECT count(*) FROM chat_node WHERE beat_at > now() - make_interval(secs => %s)",
            nodes.DEAD_AFTER.total_seconds(),
        )
        workers = _one(
            connection,
            "SELECT count(*) FROM procrastinate_workers"
            " WHERE last_heartbeat > now() - make_interval(secs => %s)",
            selectors.WORKER_SILENCE_S,
        )
    except psycopg.errors.UndefinedTable:
        return 1, 1
    return max(webs, 1), max(workers, 1)


def _pooling() -> Finding:
    """Whether a session stays the same: behind transaction pooling another client gets it."""
    own: LiteralString = "SELECT pg_backend_pid()"
    with session() as one, session() as other:
        before = _one(one, own)
        with other.transaction():
            # Takes the server's session that `one` gave back a moment ago, if it gave it back.
            _one(other, own)
            after = _one(one, own)
    if before != after:
        return problem(
            "pooling",
            "something between pools by transaction, as PgBouncer does with pool_mode=transaction",
            "Use pool_mode=session, or connect directly: workers LISTEN for jobs, and answers would"
            " begin up to five seconds late; account exports read with cursors, and would fail.",
        )
    return fine("pooling", "a session stays the same")


def check_migrations() -> Findings:
    connection = connections["default"]
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        first, _backwards = plan[0]
        yield problem(
            "migrations",
            f"{len(plan)} are missing, the first is {first}",
            "Run manage.py migrate before the processes start.",
        )
        return
    yield fine("migrations", "all are there")


def check_processes() -> Findings:
    """Whether anybody serves and anybody answers."""
    webs = [one.name for one in nodes.alive()]
    if webs:
        yield fine("web", f"{len(webs)} beat")
    else:
        yield warning("web", "no web process beats", "Start one: manage.py web.")
    if selectors.workers_alive():
        yield fine("worker", "one beats at least")
    else:
        yield problem("worker", "none beats", "Start one: manage.py worker. Nobody answers.")
