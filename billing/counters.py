"""Counted usage: one row an account, limit and period, moved only by conditional statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import connection
from django.db.models import F, QuerySet

from billing.models import Reservation, UsageCounter

# Locks the row even when it refuses, so that whoever is refused looks for lapsed places alone.
_GROW = """
INSERT INTO billing_usagecounter AS counter
    (user_id, feature, period_start, used, reserved, "limit")
SELECT %(user)s, feature, period_start, used, reserved, "limit"
FROM wanted WHERE "limit" IS NULL OR used + reserved <= "limit" ORDER BY n
ON CONFLICT (user_id, feature, period_start) DO UPDATE SET
    used = counter.used + excluded.used,
    reserved = counter.reserved + excluded.reserved,
    "limit" = excluded."limit"
WHERE excluded."limit" IS NULL
    OR counter.used + counter.reserved + excluded.used + excluded.reserved <= excluded."limit"
RETURNING feature
"""
_GROW_ALONE = (
    """
WITH wanted (feature, period_start, used, reserved, "limit", n) AS (
    SELECT %(feature)s, %(period_start)s::timestamptz, %(used)s::bigint, %(reserved)s::bigint,
        %(limit)s::bigint, 1
)"""
    + _GROW
)
# One round trip for new reservations and their counts, those of one account in the order of its
# limits; a key that is taken grows nothing. Waits for whoever is inserting the same key.
_CLAIM = """
WITH given (n, key, feature, period_start, used, reserved, "limit", state) AS (VALUES <rows>),
asked AS (
    INSERT INTO billing_reservation
        (key, user_id, feature, period_start, amount, state, lapses_at, created_at)
    SELECT key, %(user)s, feature, period_start, used + reserved, state, %(lapses_at)s, %(now)s
    FROM given ORDER BY n
    ON CONFLICT (key) DO NOTHING RETURNING id, key
), wanted AS (
    SELECT given.* FROM given JOIN asked USING (key)
), grown AS (<grow>)
SELECT asked.id, grown.feature IS NOT NULL
FROM given LEFT JOIN asked USING (key) LEFT JOIN grown USING (feature) ORDER BY n
""".replace("<grow>", _GROW)
_GIVEN = (
    "({0}, %(key{0})s, %(feature{0})s, %(period_start{0})s::timestamptz, %(used{0})s::bigint,"
    " %(reserved{0})s::bigint, %(limit{0})s::bigint, %(state{0})s)"
)
# SKIP LOCKED: a reservation that is being renewed or settled this moment has not lapsed, and
# waiting for it while its counter is locked would be a deadlock.
_RECLAIM = """
WITH lapsed AS (
    UPDATE billing_reservation SET state = 'lapsed' WHERE id IN (
        SELECT id FROM billing_reservation
        WHERE user_id = %(user)s AND feature = %(feature)s AND period_start = %(period_start)s
            AND state = 'held' AND lapses_at <= %(now)s
        FOR UPDATE SKIP LOCKED
    ) RETURNING amount
)
UPDATE billing_usagecounter SET reserved = reserved - given.back
FROM (SELECT sum(amount)::bigint AS back FROM lapsed) AS given
WHERE user_id = %(user)s AND feature = %(feature)s AND period_start = %(period_start)s
    AND given.back > 0
"""
_Value = int | str | datetime | None


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

    def grow(self, growth: Growth, *, now: datetime) -> bool:
        """Count more where the limit leaves room, taking lapsed places back when it does not."""
        return self._run(_GROW_ALONE, self._values(growth)) or self.regain(growth, now=now)

    def regain(self, growth: Growth, *, now: datetime) -> bool:
        """After a refusal in this transaction: take lapsed places back and try once more."""
        values = self._values(growth)
        return self._run(_RECLAIM, {**values, "now": now}) and self._run(_GROW_ALONE, values)

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

    def _values(self, growth: Growth) -> dict[str, _Value]:
        return {
            "user": self.user,
            "feature": self.feature,
            "period_start": self.period_start,
            "used": growth.used,
            "reserved": growth.reserved,
            "limit": growth.limit,
        }

    def _run(self, statement: str, values: dict[str, _Value]) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return bool(cursor.rowcount)


def claim(claims: Sequence[tuple[Reservation, Growth]]) -> list[tuple[bool, bool]]:
    """Insert one account's new reservations and count them, each of another limit.

    Gives of each whether its key was free, and whether there was room.
    """
    first, _ = claims[0]
    values: dict[str, _Value] = {
        "user": first.user_id,
        "lapses_at": first.lapses_at,
        "now": first.created_at,
    }
    for n, (one, growth) in enumerate(claims):
        values |= {
            f"key{n}": one.key,
            f"feature{n}": one.feature,
            f"period_start{n}": one.period_start,
            f"used{n}": growth.used,
            f"reserved{n}": growth.reserved,
            f"limit{n}": growth.limit,
            f"state{n}": one.state,
        }
    with connection.cursor() as cursor:
        cursor.execute(_claim_of(len(claims)), values)
        rows = cursor.fetchall()
    for (one, _), (pk, _) in zip(claims, rows, strict=True):
        one.pk = pk
    return [(pk is not None, grown) for pk, grown in rows]


@cache
def _claim_of(count: int) -> str:
    # Values, and no arrays: to write seven of them costs more than the rest of the statement.
    return _CLAIM.replace("<rows>", ", ".join(_GIVEN.format(n) for n in range(count)))
