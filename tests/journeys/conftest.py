"""A signed-in user and real servers, for journeys from end to end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pgtrigger
import pytest
import pytest_asyncio
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from playwright.async_api import Browser
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.services import mark_verified
from chat.database import in_database
from netra import env
from netra.client import sign_in
from tests.conftest import EMPTY_QUEUE
from tests.fakes.mail_server import MailServer, mail_server
from tests.journeys.browser import Visits, chromium
from tests.servers import Servers

PASSWORD = "Correct-horse-7-battery"

# Slow enough that a test can act in the middle of an answer.
UNHURRIED = {"NETRA_ASSISTANT_TOKENS_PER_S": "40"}


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    email: str
    password: str

    def cookie(self, servers: Servers) -> str:
        return sign_in(servers.base_url, email=self.email, password=self.password)


def new_person(name: str) -> Person:
    email = f"{name}@example.com"
    user = User.objects.create_user(email, PASSWORD)
    mark_verified(user=user)
    return Person(user, email, PASSWORD)


@pytest.fixture
def make_person(transactional_db: None) -> Callable[[str], Person]:
    return new_person


@pytest.fixture
def person(make_person: Callable[[str], Person]) -> Person:
    return make_person("ada")


@pytest.fixture
def other(make_person: Callable[[str], Person]) -> Person:
    return make_person("eve")


@pytest.fixture
def servers(server_environment: dict[str, str]) -> Iterator[Servers]:
    """Not started yet: a test says with which variables."""
    made = Servers(server_environment)
    try:
        yield made
    finally:
        made.stop()


@dataclass(frozen=True, slots=True)
class Site:
    """Running servers and where their mails arrive."""

    servers: Servers
    mail: MailServer


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """One web and one worker process for the browser journeys of a module.

    Starting them takes seconds and a person is made in milliseconds: so each journey has people
    of its own, and the database is emptied when the module is done.
    """
    with django_db_blocker.unblock(), mail_server() as mail:
        test_database = connection.settings_dict["NAME"]
        database_url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{test_database}").geturl()
        variables = {"DATABASE_URL": database_url, "REDIS_URL": settings.REDIS_URL}
        servers = Servers(env.everything() | variables)
        try:
            servers.start(NETRA_MAIL_URL=mail.url, NETRA_ASSISTANT_TOKENS_PER_S="90")
            yield Site(servers, mail)
        finally:
            servers.stop()
            _empty_database()


def _empty_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute(EMPTY_QUEUE)
    with pgtrigger.ignore():
        call_command("flush", verbosity=0, interactive=False)
    connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def visits(browser: Browser, site: Site) -> AsyncIterator[Visits]:
    """Tabs of which none may have complained by the end of the journey."""
    made = Visits(browser, site.servers)
    yield made
    await made.close()
    assert [fault for tab in made.tabs for fault in tab.faults] == []


@pytest.fixture
def newcomer(site: Site) -> Callable[[str], Awaitable[Person]]:
    """Makes a user with a verified address."""

    async def make(name: str) -> Person:
        return await in_database(new_person, name)

    return make
