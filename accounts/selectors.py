"""Questions about users, answered without changing anything."""

from datetime import datetime, timedelta
from functools import cache

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac
from msgspec import Struct

from accounts.mailbox import classify
from accounts.models import LoginFailure, User
from billing.tiers import Tier

UNVERIFIED_DAYS = 7
# Of a flood of changes the rest is found a second later.
ACCESS_CHANGES_MAX = 1000
# A change is seen when it is committed, which may be later than its time says.
ACCESS_CHANGES_LATE_S = 10

# By the database's clock alone: those of the processes differ, and jump.
_ACCESS_CHANGES = """
SELECT statement_timestamp(), ARRAY(
    SELECT public_id FROM accounts_user
    WHERE access_changed_at
        > coalesce(%(since)s, statement_timestamp()) - make_interval(secs => %(late_s)s)
    ORDER BY access_changed_at DESC LIMIT %(most)s
)
"""


def recommended_tier(user: User) -> Tier | None:
    """The tier a trial would be of; None when nothing speaks for one."""
    return Tier(user.recommended_tier) if user.recommended_tier else None


def must_verify_email(user: User, *, at: datetime | None = None) -> bool:
    """Has an unverified user used up the days in which sending is allowed?"""
    if user.verified_at is not None:
        return False
    return (at or timezone.now()) >= user.date_joined + timedelta(days=UNVERIFIED_DAYS)


class AccessChanges(Struct, frozen=True, kw_only=True):
    """Public ids of users whose sessions were ended, the newest first; and when it was asked."""

    user_ids: list[str]
    as_of: datetime


def access_changes(since: datetime | None) -> AccessChanges:
    """The changes since an earlier answer's `as_of`, and those shortly before it, bounded."""
    asked = {"since": since, "late_s": ACCESS_CHANGES_LATE_S, "most": ACCESS_CHANGES_MAX}
    with connection.cursor() as cursor:
        cursor.execute(_ACCESS_CHANGES, asked)
        as_of, user_ids = cursor.fetchone()
    return AccessChanges(user_ids=user_ids, as_of=as_of)


@cache
def common_passwords() -> frozenset[str]:
    """The passwords in common use that Django ships, in lower case."""
    return frozenset(CommonPasswordValidator().passwords)


def address_hash(address: str) -> str:
    """One keyed hash for all spellings of a mailbox, so that no stranger's address is stored."""
    try:
        name = classify(address.strip()).canonical
    except ValueError:
        name = address.strip().lower()
    return salted_hmac("accounts.address", name, algorithm="sha256").hexdigest()


def code_lock_of(user: User) -> str:
    """What wrong codes of the user's second factor are counted under: no address, so no clash."""
    return f"second factor of {user.public_id}"


def has_second_factor(user: User) -> bool:
    """Does signing in ask for more than a password or a provider? Recovery codes alone do not."""
    mine = Authenticator.objects.filter(user=user)
    return bool(mine.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def locked_until(address: str) -> datetime | None:
    """When passwords are tried again for an address; None while they are."""
    now = timezone.now()
    failure = LoginFailure.objects.filter(
        address_hash=address_hash(address), locked_until__gt=now
    ).first()
    return None if failure is None else failure.locked_until
