"""What changes in billing: grants, limits, and usage that is reserved before it is used.

A transaction that touches several limits of one account does so in the order of
`billing.catalogue.WINDOWS`; another order could wait for itself.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import batches, ledger, reservations
from billing.batches import Hold, Wanted
from billing.catalogue import WINDOWS
from billing.entitlements import Entitlements, GrantKind
from billing.errors import BillingError, GrantRefusal, GrantRefused
from billing.invariants import GRANT_CONSTRAINTS
from billing.models import (
    Grant,
    LedgerHead,
    Reservation,
    TierChange,
    TierLimit,
    UsageCounter,
)
from billing.periods import Window, period_at
from billing.selectors import entitlements_of
from billing.tiers import Tier

if TYPE_CHECKING:
    from accounts.models import User

# A key is remembered this long after its reservation was closed.
CLOSED_KEPT = timedelta(days=7)
SWEEP_ROWS_MAX = 500
_REFUSALS = {
    constraint.name: GrantRefusal(constraint.violation_error_code)
    for constraint in GRANT_CONSTRAINTS
    if constraint.violation_error_code is not None
}


def grant(
    *,
    user: "User",
    kind: str,
    tier: Tier,
    starts_at: datetime,
    ends_at: datetime | None,
    reason: str,
    actor: "User | None",
    source: str = "",
) -> Grant:
    """Give an account evidence for a tier; an enterprise grant waits for `approve_grant`.

    `actor` None is the system. Raises GrantRefused, and ValueError for an unknown kind or tier.
    """
    evidence = Grant(
        user=user,
        kind=GrantKind(kind).value,
        tier=Tier(tier),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
        actor=actor,
        source=source,
    )
    with _refusals(), ledger.entry(user=user, cause=TierChange.Cause.GRANTED, actor=actor):
        evidence.save()
    return evidence


def approve_grant(*, grant: Grant, actor: "User") -> None:
    """Let a pending enterprise grant count from now on; raises GrantRefused."""
    with (
        _refusals(),
        ledger.entry(user=grant.user, cause=TierChange.Cause.APPROVED, actor=actor) as moment,
    ):
        pending = Grant.objects.filter(pk=grant.pk, tier=Tier.ENTERPRISE, revoked_at=None)
        if not pending.filter(approved_at=None).update(approved_at=moment, approved_by=actor):
            grant.refresh_from_db()
            raise GrantRefused(_why_not_pending(grant))
    grant.refresh_from_db()


def revoke(*, grant: Grant, reason: str, actor: "User | None") -> None:
    """Let a grant count no more from now on; one revoked before stays as it was."""
    with (
        _refusals(),
        ledger.entry(user=grant.user, cause=TierChange.Cause.REVOKED, actor=actor) as moment,
    ):
        Grant.objects.filter(pk=grant.pk, revoked_at=None).update(
            revoked_at=max(moment, grant.starts_at),
            revoked_by=actor,
            revoke_reason=reason.strip(),
        )
    grant.refresh_from_db()


def record_expiries() -> int:
    """Write down what time has changed since anyone looked; answers for how many accounts.

    Safe in any number of processes at once. No entitlement depends on it.
    """
    due = LedgerHead.objects.filter(due_at__lte=timezone.now()).select_related("user")
    return sum(ledger.catch_up(head.user) for head in due.order_by("due_at")[:SWEEP_ROWS_MAX])


def change_limit(*, tier: Tier, limit: str, value: int | None, actor: "User | None") -> TierLimit:
    """Make a new version of a tier's limit: a raise holds at once, a cut from the next period.

    What has no period of its own is cut from the next month. A change that was still to come is
    replaced.
    """
    now = timezone.now()
    with transaction.atomic():
        versions = TierLimit.objects.select_for_update().filter(tier=tier, limit=limit)
        current = versions.exclude(valid_until__lte=now).order_by("valid_from")[:1].get()
        versions.filter(valid_from__gt=now).delete()
        starts_at = _cut_starts(limit, now) if _is_cut(current.value, value) else now
        if starts_at <= current.valid_from or value == current.value:
            current.value, current.valid_until, current.actor = value, None, actor
            current.save()
            return current
        current.valid_until = starts_at
        current.save()
        return TierLimit.objects.create(
            tier=tier, limit=limit, value=value, valid_from=starts_at, actor=actor
        )


def reserve(
    *, user: "User", feature: str, amount: int, key: str, entitled: Entitlements | None = None
) -> Reservation:
    """Keep an amount of a limit for whoever holds the key, until settled, released or lapsed.

    The same call again changes nothing and answers alike; once lapsed, it takes the place again.
    `entitled` is what the caller has just read of the account, which then is not read again.
    Raises LimitReached, and ValueError when the key was used for something else.
    """
    now = timezone.now()
    wanted = reservations.new(user=user, feature=feature, amount=amount, key=key, now=now)
    return _take(wanted, entitled)


def consume(
    *, user: "User", feature: str, amount: int, key: str, entitled: Entitlements | None = None
) -> Reservation:
    """Reserve and settle at once, for what is used the moment it is asked for; see `reserve`."""
    now = timezone.now()
    wanted = reservations.new(user=user, feature=feature, amount=amount, key=key, now=now)
    wanted.state = Reservation.State.SETTLED
    return _take(wanted, entitled)


def renew(*, key: str) -> None:
    """Hold a reservation 45 s from now, taking its place again where it has lapsed.

    One that is settled or released stays so. Raises LimitReached when the place is gone, and
    UnknownReservation.
    """
    with _movement():
        held = reservations.locked(key)
        if held.state in reservations.OPEN:
            reservations.hold(held, timezone.now())


def reserve_all(*, feature: str, wanted: Collection[Wanted]) -> set[str]:
    """Hold one place of `feature` for each, in one transaction; gives the keys that are held.

    The others found no room, or their key was used before: `reserve` says of each, and looks for
    places that have lapsed.
    """
    if WINDOWS[feature] is not Window.PLACE:
        raise ValueError(f"{feature} is not held and given back")
    now = timezone.now()
    return batches.reserve(
        wanted,
        feature=feature,
        period_start=period_at(Window.PLACE, now).starts_at,
        held=Hold(since=now, until=now + reservations.LAPSES_AFTER),
    )


def renew_all(*, keys: Collection[str]) -> set[str]:
    """Hold many reservations 45 s from now in one statement; gives the keys that are held.

    The others have lapsed and lost their place, or are closed: `renew` says of each.
    """
    return batches.renew(keys, lapses_at=timezone.now() + reservations.LAPSES_AFTER)


def release_all(*, keys: Collection[str]) -> None:
    """Give many reservations back unused, in one transaction; see `release`."""
    batches.release(keys)


def lapse_all(*, keys: Collection[str]) -> None:
    """Take many reservations from holders that seem gone, in one transaction.

    One that is there after all finds out when it renews, and takes its place again or is refused.
    """
    batches.lapse(keys)


def settle(*, key: str, amount: int) -> None:
    """Close a reservation with what was used of it: less gives the rest back, 0 gives all back.

    More than was reserved needs room for the difference, and a lapsed one for the whole; without
    it LimitReached is raised and nothing moves. A place (concurrent runs, connections) is only
    given back, whatever the amount. Settled or released before: nothing changes. Raises
    UnknownReservation.
    """
    if type(amount) is not int or not 0 <= amount <= reservations.AMOUNT_MAX:
        raise ValueError(f"amount must be a whole number between 0 and {reservations.AMOUNT_MAX}")
    with _movement():
        held = reservations.locked(key)
        if held.state in reservations.OPEN:
            reservations.settle(held, amount, timezone.now())


def release(*, key: str) -> None:
    """Give a reservation back unused; one that was never made or is closed stays as it is."""
    with _movement():
        held = Reservation.objects.select_for_update().filter(key=key).first()
        if held is not None and held.state in reservations.OPEN:
            reservations.release(held)


def prune_usage() -> int:
    """Forget minutes long over and keys closed for 7 days, some at a time; answers how many."""
    before = timezone.now() - CLOSED_KEPT
    _lapse_abandoned(before)
    minutes = [name for name, window in WINDOWS.items() if window is Window.MINUTE]
    over = UsageCounter.objects.filter(feature__in=minutes, period_start__lt=before, reserved=0)
    closed = Reservation.objects.filter(created_at__lt=before).exclude(state=Reservation.State.HELD)
    minutes_gone, _ = over.filter(
        pk__in=list(over.values_list("pk", flat=True)[:SWEEP_ROWS_MAX])
    ).delete()
    keys_gone, _ = closed.filter(
        pk__in=list(closed.values_list("pk", flat=True)[:SWEEP_ROWS_MAX])
    ).delete()
    return minutes_gone + keys_gone


def _lapse_abandoned(before: datetime) -> None:
    """Count back what nobody renewed for so long: a killed process leaves a place a socket."""
    held = Reservation.objects.filter(state=Reservation.State.HELD, lapses_at__lt=before)
    keys = list(held.values_list("key", flat=True)[:SWEEP_ROWS_MAX])
    if keys:
        batches.lapse(keys)


def _take(wanted: Reservation, entitled: Entitlements | None) -> Reservation:
    entitled = entitled or entitlements_of(wanted.user, at=wanted.created_at)
    with _movement():
        return reservations.take(wanted, limit=entitled.limits[wanted.feature])


@contextmanager
def _movement() -> Iterator[None]:
    """One short transaction; after a refusal an outer one may still go on and answer it.

    No savepoint, which would cost two round trips: whoever refuses in here has moved nothing.
    """
    refusal: BillingError | ValueError | None = None
    with transaction.atomic(savepoint=False):
        try:
            yield
        except (BillingError, ValueError) as refused:
            refusal = refused
    if refusal is not None:
        raise refusal


@contextmanager
def _refusals() -> Iterator[None]:
    """Say in words which rule of the database was broken."""
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
        if name not in _REFUSALS:
            raise
        raise GrantRefused(_REFUSALS[name]) from error


def _why_not_pending(grant: Grant) -> GrantRefusal:
    if grant.revoked_at is not None:
        return GrantRefusal.REVOKED
    if grant.approved_at is not None:
        return GrantRefusal.ALREADY_APPROVED
    return GrantRefusal.NO_APPROVAL_NEEDED


def _is_cut(before: int | None, after: int | None) -> bool:
    return after is not None and (before is None or after < before)


def _cut_starts(limit: str, now: datetime) -> datetime:
    ends_at = period_at(WINDOWS[limit], now).ends_at
    return ends_at or period_at(Window.MONTH, now).ends_at or now
