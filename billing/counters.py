"""Counted usage: one row an account, limit and period, moved only by conditional statements."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, QuerySet

from billing.models import Reservation, UsageCounter

# Locks the row even when it refuses, so that whoever is refused looks for lapsed places alone.
_GROW = """
INSERT INTO billing_usagecounter AS counter
    (user_id, feature, period_start, used, reserved, "limit")
SELECT %(user)s, %(feature)s, %(period_start)s, %(used)s, %(reserved)s, %(limit)s::bigint
FROM asked WHERE %(limit)s::bigint IS NULL OR %(used)s + %(reserved)s <= %(limit)s::bigint
ON CONFLICT (user_id, feature, period_start) DO UPDATE SET
    used = counter.used + excluded.used,
    reserved = counter.reserved + excluded.reserved,
    "limit" = excluded."limit"
WHERE excluded."limit" IS NULL
    OR counter.used + counter.reserved + excluded.used + excluded.reserved <= excluded."limit"
RETURNING id
"""
_GROW_ALONE = "WITH asked AS (SELECT 1)" + _GROW
# One round trip for a new reservation and its count; a key that is taken grows nothing. Waits for
# whoever is inserting the same key.
_CLAIM = """
WITH asked AS (
    INSERT INTO billing_reservation
        (key, user_id, feature, period_start, amount, state, lapses_at, created_at)
    VALUES (
        %(key)s, %(user)s, %(feature)s, %(period_start)s, %(used)s + %(reserved)s, %(state)s,
        %(lapses_at)s, %(now)s
    )
    ON CONFLICT (key) DO NOTHING RETURNING id
), grown AS (<grow>)
SELECT (SELECT id FROM asked), EXISTS (SELECT FROM grown)
""".replace("<grow>", _GROW)
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

    def claim(self, reservation: Reservation, growth: Growth) -> tuple[bool, bool]:
        """Insert the reservation and count it: whether its key was free, whether there was room."""
        values: dict[str, _Value] = {
            "key": reservation.key,
            "state": reservation.state,
            "lapses_at": reservation.lapses_at,
            "now": reservation.created_at,
        }
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {**self._values(growth), **values})
            reservation.pk, grown = cursor.fetchone()
        return reservation.pk is not None, grown

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
