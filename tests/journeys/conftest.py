"""A signed-in user and real servers, for journeys from end to end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from accounts.models import User
from accounts.services import mark_verified
from netra.client import sign_in
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


@pytest.fixture
def make_person(transactional_db: None) -> Callable[[str], Person]:
    def make(name: str) -> Person:
        email = f"{name}@example.com"
        user = User.objects.create_user(email, PASSWORD)
        mark_verified(user=user)
        return Person(user, email, PASSWORD)

    return make


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
