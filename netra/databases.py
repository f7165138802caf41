"""What a PostgreSQL URL means for Django's settings."""

from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from netra import env


def settings_of(url: str, *, threads: int, name: str = "DATABASE_URL") -> dict[str, Any]:
    """One database, with a bounded pool (DESIGN §5); raises EnvError for what is no such URL."""
    parts = _parts_of(url, name)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "netra"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **parts,
            "connect_timeout": 3,
            # A peer that vanished without a word must not hold every thread for minutes.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "pool": {
                "min_size": 2,
                "max_size": threads + 8,
                "timeout": 5,
                # After longer it gives up and whoever comes next tries at once; else the pauses
                # between its attempts double, and after a minute without database add another.
                "reconnect_timeout": 3,
            },
        },
    }


def replica_of(url: str, *, threads: int) -> dict[str, Any]:
    """A replica of it, which nobody waits long for: the primary can answer, too."""
    found = settings_of(url, threads=threads, name="DATABASE_REPLICA_URL")
    options = found["OPTIONS"]
    # Two seconds are the least that libpq knows; who asks the pool waits for one.
    options |= {"connect_timeout": 2, "tcp_user_timeout": 3_000}
    options["pool"] |= {"min_size": 0, "timeout": 1}
    # A test database has none.
    return found | {"TEST": {"MIRROR": "default"}}


def _parts_of(url: str, name: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(url))
    except ProgrammingError:
        problem = "is no PostgreSQL URL"
    # Outside of the handler: libpq's own words repeat the password.
    raise env.EnvError(name, problem)
