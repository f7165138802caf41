"""A signed-in user and real servers, for journeys from end to end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest
import pytest_asyncio
from django.db import connection
from playwright.async_api import Browser
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.services import mark_verified
from chat.database import in_database
from netra.client import sign_in
from tests.bundles import bundled
from tests.conftest import environment_of_servers
from tests.database import restore_database
from tests.fakes.mail_server import MailServer, mail_server
from tests.journeys.browser import Visits, chromium
from tests.servers import Servers, wait_until

PASSWORD = "Correct-horse-7-battery"
_numbers = count(1)

# Slow enough that a test can act in the middle of an answer, and that a deploy can.
STEADY = {"NETRA_ASSISTANT_TOKENS_PER_S": "90"}
UNHURRIED = {"NETRA_ASSISTANT_TOKENS_PER_S": "40"}
# For the many journeys to which it is all the same how long an answer takes.
QUICK = {"NETRA_ASSISTANT_TOKENS_PER_S": "0"}


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
    """One web and one worker process for many journeys.

    Starting them takes seconds and a person is made in milliseconds: so each journey has people
    of its own, and the database is emptied when they are done.
    """
    with blocker.unblock():
        servers = Servers(environment_of_servers() | bundled())
        try:
            yield servers.start(**variables)
        finally:
            servers.stop()
            empty_database()


@dataclass(slots=True)
class Sites:
    """The site of journeys that share one: it stands until another is wanted, or none."""

    blocker: DjangoDbBlocker
    _standing: tuple[Mapping[str, str], Site] | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    def site(self, variables: Mapping[str, str]) -> Site:
        """A site with these variables; made anew where a journey that failed left a ruin."""
        if self._standing is not None:
            wanted, site = self._standing
            if wanted == variables and site.servers.all_run():
                return site
            self.close()
        mail = self._open.enter_context(mail_server())
        running = servers_of_a_module(self.blocker, NETRA_MAIL_URL=mail.url, **variables)
        site = Site(self._open.enter_context(running), mail)
        self._standing = (variables, site)
        return site

    def close(self) -> None:
        self._standing = None
        self._open.close()


_sites = pytest.StashKey[Sites]()


@pytest.fixture(scope="session")
def sites(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Sites]:
    made = Sites(django_db_blocker)
    request.session.stash[_sites] = made
    yield made
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Close the site before a test that shares it not, for which the database must be empty."""
    try:
        return (yield)
    finally:
        if "sites" not in getattr(nextitem, "fixturenames", ()) and _sites in item.session.stash:
            item.session.stash[_sites].close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring files together that share a site."""
    sharing = {item.path for item in items if "sites" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: str(variables_of(item)) if item.path in sharing else "")


def variables_of(item: pytest.Item) -> Mapping[str, str]:
    """What the servers of a test's module are started with."""
    variables: Mapping[str, str] = getattr(getattr(item, "module", None), "VARIABLES", QUICK)
    return variables


@pytest.fixture
def site(request: pytest.FixtureRequest, sites: Sites) -> Site:
    """Shared by all journeys, each with people of its own; who breaks it, mends it."""
    return sites.site(variables_of(request.node))


@pytest.fixture
def shared(site: Site) -> Servers:
    return site.servers


@pytest.fixture(params=["uvicorn", "daphne"])
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


def empty_database() -> None:
    """Leave nothing behind of what many tests have shared."""
    restore_database()
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
    """Makes users with verified addresses, who stay until the site's servers stop."""

    async def make(name: str) -> Person:
        return await in_database(new_person, f"{name}{next(_numbers)}")

    return make


@pytest_asyncio.fixture
async def visitor(newcomer: Callable[[str], Awaitable[Person]]) -> Person:
    return await newcomer("ada")


@pytest_asyncio.fixture
async def other_visitor(newcomer: Callable[[str], Awaitable[Person]]) -> Person:
    return await newcomer("eve")
