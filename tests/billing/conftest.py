"""Accounts to grant to."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from billing import services
from billing.models import Grant
from billing.tiers import Tier
from tests.billing.payments import Shop, shop_of
from tests.fakes.stripe_server import Stripe, stripe_server

MakeUser = Callable[[], User]
MakeGrant = Callable[..., Grant]
MakePerson = Callable[..., User]


@pytest.fixture
def make_user(db: None) -> MakeUser:
    numbers = count(1)
    return lambda: User.objects.create_user(f"person{next(numbers)}@example.com")


@pytest.fixture
def user(make_user: MakeUser) -> User:
    return make_user()


@pytest.fixture
def make_person(db: None) -> MakePerson:
    """Somebody whose address is proven, made past the road that would start their trial."""

    def person(address: str, *, recommended: str = "", verified: bool = True) -> User:
        return User.objects.create_user(
            address,
            joined_by="sign_up",
            recommended_tier=recommended,
            verified_at=timezone.now() if verified else None,
        )

    return person


@pytest.fixture
def staff(make_user: MakeUser) -> User:
    return make_user()


@pytest.fixture
def give() -> MakeGrant:
    """Grant with everything but the account and the tier already said."""

    def grant(
        user: User,
        tier: Tier,
        *,
        kind: str = "manual",
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        days: float | None = None,
        actor: User | None = None,
        source: str = "",
    ) -> Grant:
        starts_at = starts_at or timezone.now()
        if days is not None:
            ends_at = starts_at + timedelta(days=days)
        return services.grant(
            user=user,
            kind=kind,
            tier=tier,
            starts_at=starts_at,
            ends_at=ends_at,
            reason="for this test",
            actor=actor,
            source=source,
        )

    return grant


@pytest.fixture
def boss(db: None) -> User:
    """An operator who may do everything."""
    return User.objects.create_superuser("boss@example.com")


@pytest.fixture
def operator(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[Stripe]:
    with stripe_server() as stripe:
        yield stripe


@pytest.fixture
def shop(stripe_process: Stripe, settings: Settings, db: None) -> Shop:
    """Early and mid are sold, by a payment provider that is as new."""
    stripe_process.forget()
    return shop_of(stripe_process, settings)
