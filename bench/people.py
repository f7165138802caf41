"""Signed-in users for the bench: a tier that is not in the way, and a session each."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import mark_verified
from billing.services import grant
from billing.tiers import Tier
from chat.models import Thread

# The highest tier that needs no second person's approval.
TIER: Final = Tier.MID


class Person:
    """A user with the `Cookie` header of a session of theirs."""

    __slots__ = ("cookie", "user")

    def __init__(self, number: int) -> None:
        self.user = User.objects.create_user(f"person{number}@bench.example")
        mark_verified(user=self.user)
        now = timezone.now()
        grant(
            user=self.user,
            kind="manual",
            tier=TIER,
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
    return [Person(number) for number in range(count)]
