"""Users and threads, new for each test."""

from collections.abc import Callable
from itertools import count

import pytest

from accounts.models import User
from accounts.services import mark_verified
from tests.chat.api_people import pays

PASSWORD = "Correct-horse-7-battery"
_numbers = count(1)


@pytest.fixture
def make_user(db: None) -> Callable[[], User]:
    def make() -> User:
        user = User.objects.create_user(f"person{next(_numbers)}@example.com", PASSWORD)
        mark_verified(user=user)
        return user

    return make


@pytest.fixture
def user(make_user: Callable[[], User]) -> User:
    return make_user()


@pytest.fixture
def payer(user: User) -> User:
    """The user, with a plan that allows more messages a minute than a test sends."""
    return pays(user)
