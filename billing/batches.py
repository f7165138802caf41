"""Many reservations moved at once: what a process with thousands of places needs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from billing.periods import ALWAYS

# Locked in the order of their ids, here and below, so that two batches never wait in a circle.
_RENEW = """
WITH mine AS (
    SELECT id FROM billing_reservation
    WHERE key = ANY(%(keys)s) AND state = 'held' ORDER BY id FOR UPDATE
)
UPDATE billing_reservation AS held SET lapses_at = CASE
    WHEN lapses_at IS NOT NULL THEN statement_timestamp() + %(lapses_after)s END
FROM mine WHERE held.id = mine.id RETURNING held.key
"""
_CLOSE = """
WITH mine AS (
    SELECT id, state FROM billing_reservation
    WHERE key = ANY(%(keys)s) AND state IN ('held', 'lapsed') ORDER BY id FOR UPDATE
), closed AS (
    UPDATE billing_reservation AS one SET state = %(state)s FROM mine WHERE one.id = mine.id
    RETURNING one.user_id, one.feature, one.period_start, one.amount, mine.state AS before
)
SELECT user_id, feature, period_start, sum(amount)::bigint FROM closed
WHERE before = 'held' GROUP BY user_id, feature, period_start
ORDER BY user_id, feature, period_start
"""
# In the order of users, here and where places are given back.
_RESERVE = """
WITH wanted AS (
    SELECT * FROM unnest(%(keys)s::text[], %(users)s::bigint[], %(limits)s::bigint[])
        AS one (key, user_id, "limit")
), asked AS (
    INSERT INTO billing_reservation
        (key, user_id, feature, period_start, amount, state, lapses_at, created_at)
    SELECT key, user_id, %(feature)s, %(period_start)s, 1, 'held',
        statement_timestamp() + %(lapses_after)s, statement_timestamp()
    FROM wanted ON CONFLICT (key) DO NOTHING RETURNING key, user_id
), grown AS (
    INSERT INTO billing_usagecounter AS counter
        (user_id, feature, period_start, used, reserved, "limit")
    SELECT wanted.user_id, %(feature)s, %(period_start)s, 0, 1, wanted."limit"
    FROM wanted JOIN asked USING (key)
    WHERE wanted."limit" IS NULL OR wanted."limit" >= 1 ORDER BY wanted.user_id
    ON CONFLICT (user_id, feature, period_start) DO UPDATE SET
        reserved = counter.reserved + 1, "limit" = excluded."limit"
    WHERE excluded."limit" IS NULL OR counter.used + counter.reserved < excluded."limit"
    RETURNING user_id
)
SELECT asked.key, grown.user_id IS NOT NULL FROM asked LEFT JOIN grown USING (user_id)
"""
_GIVE_BACK = """
UPDATE billing_usagecounter SET reserved = reserved - %s
WHERE user_id = %s AND feature = %s AND period_start = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One of a limit for an account, under a key; `limit` None is unlimited."""

    user: int
    key: str
    limit: int | None


def reserve(wanted: Collection[Wanted], *, feature: str, lapses_after: timedelta) -> set[str]:
    """Hold one of a place for each; gives the keys that got one."""
    got: set[str] = set()
    with transaction.atomic(), connection.cursor() as cursor:
        # One of an account at a time, since a statement touches a counter once.
        for some in _once_a_user(wanted):
            values: dict[str, Any] = {
                "keys": [one.key for one in some],
                "users": [one.user for one in some],
                "limits": [one.limit for one in some],
                "feature": feature,
                "period_start": ALWAYS,
                "lapses_after": lapses_after,
            }
            cursor.execute(_RESERVE, values)
            answers = dict(cursor.fetchall())
            got.update(key for key, has_room in answers.items() if has_room)
            refused = [key for key, has_room in answers.items() if not has_room]
            if refused:
                cursor.execute("DELETE FROM billing_reservation WHERE key = ANY(%s)", [refused])
    return got


def _once_a_user(wanted: Collection[Wanted]) -> Iterator[list[Wanted]]:
    left = list(wanted)
    while left:
        some: dict[int, Wanted] = {}
        rest = []
        for one in left:
            if one.user in some:
                rest.append(one)
            else:
                some[one.user] = one
        yield list(some.values())
        left = rest


def renew(keys: Collection[str], *, lapses_after: timedelta) -> set[str]:
    """Hold all of them for so long from now; gives those that are still held."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"keys": list(keys), "lapses_after": lapses_after}
        cursor.execute(_RENEW, values)
        return {key for (key,) in cursor.fetchall()}


def release(keys: Collection[str]) -> None:
    """Close all of them, and count back what they held."""
    _close(keys, state="released")


def lapse(keys: Collection[str]) -> None:
    """Count back what they held; whoever holds one after all may take it again."""
    _close(keys, state="lapsed")


def _close(keys: Collection[str], *, state: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLOSE, {"keys": list(keys), "state": state})
        for user, feature, period_start, amount in cursor.fetchall():
            cursor.execute(_GIVE_BACK, [amount, user, feature, period_start])
