"""Signed-in users for the bench, whose tier is in nobody's way."""

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
TIER: Final = Tier.MID


class Person:
    """A user with the `Cookie` header of a session of theirs."""

    __slots__ = ("cookie", "user")

    def __init__(self, name: str) -> None:
        self.user = mark_verified(user=User.objects.create_user(f"{name}@bench.example"))
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
    """So many people, without limits: those are enforced elsewhere and not measured here."""
    TierLimit.objects.filter(tier=TIER.value).update(value=None)
    forget_catalogue()
    return [Person(f"person{number}") for number in range(count)]
