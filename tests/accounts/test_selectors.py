"""What the row of a user answers."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts import selectors
from accounts.models import User
from billing.tiers import Tier

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(("stored", "tier"), [("", None), ("early", Tier.EARLY), ("mid", Tier.MID)])
def test_the_recommendation_is_a_tier_or_none(stored: str, tier: Tier | None) -> None:
    assert selectors.recommended_tier(User(recommended_tier=stored)) is tier


@pytest.mark.parametrize(
    ("age", "verified", "must"),
    [
        (timedelta(0), False, False),
        (timedelta(days=7, microseconds=-1), False, False),
        (timedelta(days=7), False, True),
        (timedelta(days=7), True, False),
    ],
)
def test_an_unverified_user_has_seven_days(age: timedelta, verified: bool, must: bool) -> None:
    user = User(date_joined=NOON - age, verified_at=NOON if verified else None)
    assert selectors.must_verify_email(user, at=NOON) is must


def test_one_mailbox_has_one_hash_and_another_has_another() -> None:
    spellings = ("ada@gmail.com", " A.D.A+x@GoogleMail.com ")
    assert len({selectors.address_hash(spelling) for spelling in spellings}) == 1
    assert selectors.address_hash("bob@gmail.com") != selectors.address_hash("ada@gmail.com")
    assert selectors.address_hash("no address") == selectors.address_hash(" No Address")
