"""Many reservations at once, and those that nobody holds any more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.batches import Wanted
from billing.models import Reservation, UsageCounter

pytestmark = pytest.mark.django_db
FEATURE = "concurrent_connections"


def reserved(user: User) -> int:
    return UsageCounter.objects.get(user=user, feature=FEATURE).reserved


def test_places_are_held_up_to_the_limit_and_given_back_together(user: User) -> None:
    wanted = [Wanted(user=user.pk, key=f"key{number}", limit=3) for number in range(5)]
    held = services.reserve_all(feature=FEATURE, wanted=wanted)
    assert (len(held), reserved(user), Reservation.objects.count()) == (3, 3, 3)
    assert services.renew_all(keys=held | {"unknown"}) == held
    services.release_all(keys=[*held, "unknown"])
    services.release_all(keys=held)
    assert reserved(user) == 0


def test_what_nobody_renewed_for_a_week_is_counted_back_and_forgotten(user: User) -> None:
    services.reserve(user=user, feature=FEATURE, amount=1, key="killed")
    long_ago = timezone.now() - timedelta(days=8)
    Reservation.objects.update(lapses_at=long_ago, created_at=long_ago)
    services.prune_usage()
    assert reserved(user) == 0
    assert not Reservation.objects.exists()
