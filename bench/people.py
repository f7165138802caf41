"""Signed-in users for the bench."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import mark_verified
from billing.models import TierLimit
from billing.selectors import forget_catalogue
from billing.services import grant
from billing.tiers import Tier
from chat.models import Thread

# The highest tier that needs no second person's approval.
LIFTED: Final = Tier.MID
ORDINARY: Final = Tier.EARLY

_numbers: Iterator[int] = itertools.count()


class Person:
    """A user with the `Cookie` header of a session of theirs."""

    __slots__ = ("cookie", "user")

    def __init__(self, tier: Tier) -> None:
        name = f"person{next(_numbers)}"
        self.user = mark_verified(user=User.objects.create_user(f"{name}@bench.example"))
        now = timezone.now()
        grant(
            user=self.user,
            kind="manual",
            tier=tier,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="bench",
            actor=None,
        )
        client = Client()
        client.force_login(self.user)
        key = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={key}"

    def new_thread(self) -> Thread:
        return Thread.objects.create(user=self.user, title="bench")


def people(count: int) -> list[Person]:
    """So many new users with the limits of their tier."""
    return [Person(ORDINARY) for _ in range(count)]


def unlimited_people(count: int) -> list[Person]:
    """The same without limits, for what no ordinary user does, such as fifty sockets at once."""
    TierLimit.objects.filter(tier=LIFTED.value).update(value=None)
    forget_catalogue()
    return [Person(LIFTED) for _ in range(count)]
