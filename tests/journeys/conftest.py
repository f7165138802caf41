"""A signed-in user and real servers, for journeys from end to end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import pgtrigger
import pytest
import pytest_asyncio
from django.core.management import call_command
from django.db import connection
from playwright.async_api import Browser
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.services import mark_verified
from chat.database import in_database
from netra.client import sign_in
from tests.conftest import EMPTY_QUEUE, environment_of_servers
from tests.fakes.mail_server import MailServer, mail_server
from tests.journeys.browser import Visits, chromium
from tests.servers import Servers, wait_until

PASSWORD = "Correct-horse-7-battery"
_numbers = count(1)

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


@contextmanager
def servers_of_a_module(blocker: DjangoDbBlocker, **variables: str) -> Iterator[Servers]:
    """One web and one worker process for all journeys of a module.

    Starting them takes seconds and a person is made in milliseconds: so each journey has people
    of its own, and the database is emptied when the module is done.
    """
    with blocker.unblock():
        servers = Servers(environment_of_servers())
        try:
            yield servers.start(**variables)
        finally:
            servers.stop()
            empty_database()


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Servers]:
    """Servers for all journeys of a module, with the module's `VARIABLES`."""
    with servers_of_a_module(django_db_blocker, **request.module.VARIABLES) as servers:
        yield servers


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def either(request: pytest.FixtureRequest, shared: Servers) -> Iterator[Servers]:
    """The shared worker behind a web process of one and of the other server."""
    if request.param == "uvicorn":
        yield shared
        return
    beside = Servers(shared.environment | {"NETRA_SERVER": request.param})
    try:
        beside.start_web()
        wait_until(lambda: beside.answers("/health/ready"))
        yield beside
    finally:
        beside.stop()


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """What the browser journeys of a module go to."""
    with mail_server() as mail:
        variables = {"NETRA_MAIL_URL": mail.url, "NETRA_ASSISTANT_TOKENS_PER_S": "90"}
        with servers_of_a_module(django_db_blocker, **variables) as servers:
            yield Site(servers, mail)


def empty_database() -> None:
    """Leave nothing of the module behind, in the way that also ledgers are emptied."""
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
def newcomer(django_db_setup: None) -> Callable[[str], Awaitable[Person]]:
    """Makes users with verified addresses, who stay until the module's servers stop."""

    async def make(name: str) -> Person:
        return await in_database(new_person, f"{name}{next(_numbers)}")

    return make


@pytest_asyncio.fixture
async def visitor(newcomer: Callable[[str], Awaitable[Person]]) -> Person:
    return await newcomer("ada")


@pytest_asyncio.fixture
async def other_visitor(newcomer: Callable[[str], Awaitable[Person]]) -> Person:
    return await newcomer("eve")
