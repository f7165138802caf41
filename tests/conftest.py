"""What every test may rely on; the engines themselves are started by `netra.testing`."""

import gc
from collections.abc import Iterator
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from billing.selectors import forget_catalogue
from chat.database import DB_THREADS
from netra import env
from netra.engines import Valkey
from netra.env import Environment
from netra.ids import PublicID
from tests.database import remember_database, restore_database

if settings.NETRA_ENV is not Environment.TEST:
    raise pytest.UsageError("the plugin netra.testing is not loaded: run `python -m pytest`")

# A machine that does much else is slow at times; that is no failure.
hypothesis.settings.register_profile(
    "netra", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("netra")

END_OTHER_SESSIONS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let the last work in database threads end before the test database goes."""
    with django_db_blocker.unblock():
        remember_database()
        connection.close()
    yield
    DB_THREADS.shutdown(wait=True)
    # What threads of ended loops had open goes with them, as soon as somebody looks.
    gc.collect()
    # The traceback of a failed test, or a process that was just killed, may keep one even so.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(END_OTHER_SESSIONS)
    connection.close()


def pytest_make_parametrize_id(val: object) -> str | None:
    """The same name in every process of a run for a test whose parameter is a fresh id."""
    return type(val).__name__ if isinstance(val, PublicID) else None


@pytest.fixture(scope="session", autouse=True)
def _restored_after_each_test() -> Iterator[None]:
    """Put the database back after a transactional test in a hundredth of the time of a flush."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: restore_database())
        yield


@pytest.fixture(autouse=True)
def _fresh_rate_limits(request: pytest.FixtureRequest) -> None:
    """Forget who tried what; only in a Valkey of our own, never in a server that was given."""
    own = Valkey(settings.VAR_DIR).url == settings.REDIS_URL
    if own and request.node.get_closest_marker("django_db") is not None:
        cache.clear()


@pytest.fixture(autouse=True)
def _fresh_catalogue() -> None:
    """Forget the limits that a test before gave a tier: its rows are gone, its cache would stay."""
    forget_catalogue()


@pytest.fixture
def server_environment(transactional_db: None) -> dict[str, str]:
    """The environment of a process that works on the test's own database and bus."""
    return environment_of_servers()


def environment_of_servers() -> dict[str, str]:
    """The same, for fixtures that set up the test database in their own way."""
    test_database = connection.settings_dict["NAME"]
    database_url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{test_database}").geturl()
    return env.everything() | {"DATABASE_URL": database_url, "REDIS_URL": settings.REDIS_URL}
