"""Counted usage: one row an account, limit and period, moved only by conditional statements.

How long something is held, and whether that is over, goes by the clock of the database alone: those
of processes differ, and one that is minutes ahead would give away what others hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models import F, QuerySet

from billing.models import Reservation, UsageCounter

# Locks the row even when it refuses, so that whoever is refused looks for lapsed places alone.
_GROW = """
INSERT INTO billing_usagecounter AS counter
    (user_id, feature, period_start, used, reserved, "limit")
SELECT user_id, feature, period_start, used, reserved, "limit"
FROM wanted WHERE "limit" IS NULL OR used + reserved <= "limit" ORDER BY n
ON CONFLICT (user_id, feature, period_start) DO UPDATE SET
    used = counter.used + excluded.used,
    reserved = counter.reserved + excluded.reserved,
    "limit" = excluded."limit"
WHERE excluded."limit" IS NULL
    OR counter.used + counter.reserved + excluded.used + excluded.reserved <= excluded."limit"
RETURNING user_id, feature
"""
_GROW_ALONE = (
    """
WITH wanted (user_id, feature, period_start, used, reserved, "limit", n) AS (
    SELECT %(user)s, %(feature)s, %(period_start)s::timestamptz, %(used)s::bigint,
        %(reserved)s::bigint, %(limit)s::bigint, 1
)"""
    + _GROW
)
# One round trip for new reservations and their counts, those of an account in the order of its
# limits; a key that is taken grows nothing. Waits for whoever is inserting the same key.
_CLAIM = """
WITH given AS (
    SELECT * FROM json_to_recordset(%(given)s::json) AS one (
        n integer, key text, user_id bigint, feature text, period_start timestamptz, used bigint,
        reserved bigint, "limit" bigint, state text, lapses boolean, created_at timestamptz
    )
), asked AS (
    INSERT INTO billing_reservation
        (key, user_id, feature, period_start, amount, state, lapses_at, created_at)
    SELECT key, user_id, feature, period_start, used + reserved, state,
        CASE WHEN lapses THEN statement_timestamp() + %(lapses_after)s END, created_at
    FROM given ORDER BY n
    ON CONFLICT (key) DO NOTHING RETURNING id, key, lapses_at
), wanted AS (
    SELECT given.* FROM given JOIN asked USING (key)
), grown AS (<grow>)
SELECT asked.id, asked.lapses_at, grown.feature IS NOT NULL
FROM given LEFT JOIN asked USING (key) LEFT JOIN grown USING (user_id, feature) ORDER BY n
""".replace("<grow>", _GROW)
# SKIP LOCKED: a reservation that is being renewed or settled this moment has not lapsed, and
# waiting for it while its counter is locked would be a deadlock.
_RECLAIM = """
WITH lapsed AS (
    UPDATE billing_reservation SET state = 'lapsed' WHERE id IN (
        SELECT id FROM billing_reservation
        WHERE user_id = %(user)s AND feature = %(feature)s AND period_start = %(period_start)s
            AND state = 'held' AND lapses_at <= statement_timestamp()
        FOR UPDATE SKIP LOCKED
    ) RETURNING amount
)
UPDATE billing_usagecounter SET reserved = reserved - given.back
FROM (SELECT sum(amount)::bigint AS back FROM lapsed) AS given
WHERE user_id = %(user)s AND feature = %(feature)s AND period_start = %(period_start)s
    AND given.back > 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What is to be counted on top, and the limit that must leave room for it."""

    used: int = 0
    reserved: int = 0
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Which row is meant; it need not exist yet."""

    user: int
    feature: str
    period_start: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> "Counter":
        return cls(
            user=reservation.user_id,
            feature=reservation.feature,
            period_start=reservation.period_start,
        )

    def grow(self, growth: Growth) -> bool:
        """Count more where the limit leaves room, taking lapsed places back when it does not."""
        return self._run(_GROW_ALONE, self._values(growth)) or self.regain(growth)

    def regain(self, growth: Growth) -> bool:
        """After a refusal in this transaction: take lapsed places back and try once more."""
        values = self._values(growth)
        return self._run(_RECLAIM, values) and self._run(_GROW_ALONE, values)

    def settle(self, *, used: int, reserved: int) -> None:
        """Turn what was reserved into what was used; never more than was reserved."""
        self._rows().update(used=F("used") + used, reserved=F("reserved") - reserved)

    def total(self) -> int:
        """Used and reserved together."""
        row = self._rows().first()
        return 0 if row is None else row.used + row.reserved

    def _rows(self) -> QuerySet[UsageCounter]:
        return UsageCounter.objects.filter(
            user=self.user, feature=self.feature, period_start=self.period_start
        )

    def _values(self, growth: Growth) -> dict[str, Any]:
        return {
            "user": self.user,
            "feature": self.feature,
            "period_start": self.period_start,
            "used": growth.used,
            "reserved": growth.reserved,
            "limit": growth.limit,
        }

    def _run(self, statement: str, values: dict[str, Any]) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return bool(cursor.rowcount)


def claim(
    claims: Sequence[tuple[Reservation, Growth]], *, lapses_after: timedelta
) -> list[tuple[bool, bool]]:
    """Insert new reservations and count them, each of another limit or account.

    Those of several accounts in the order of the accounts, so that two such statements never wait
    in a circle. Gives of each whether its key was free, and whether there was room.
    """
    # As one value: to write each of them by itself costs more than the rest of the statement.
    given = [
        {
            "n": n,
            "key": one.key,
            "user_id": one.user_id,
            "feature": one.feature,
            "period_start": one.period_start,
            "used": growth.used,
            "reserved": growth.reserved,
            "limit": growth.limit,
            "state": one.state,
            "lapses": one.lapses_at is not None,
            "created_at": one.created_at,
        }
        for n, (one, growth) in enumerate(claims)
    ]
    # Keys may be public ids, which are strings of a kind of their own.
    text = msgspec.json.encode(given, enc_hook=str).decode()
    values: dict[str, Any] = {"given": text, "lapses_after": lapses_after}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        rows = cursor.fetchall()
    for (one, _), (pk, lapses_at, _) in zip(claims, rows, strict=True):
        one.pk, one.lapses_at = pk, lapses_at
    return [(pk is not None, grown) for pk, _, grown in rows]
