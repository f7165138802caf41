"""Usage that is reserved before it is used."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from billing import batches, reservations
from billing.batches import Wanted
from billing.catalogue import WINDOWS
from billing.entitlements import Entitlements
from billing.errors import BillingError, LimitReached
from billing.models import Reservation, UsageCounter
from billing.periods import Window
from billing.reservations import Need
from billing.selectors import entitlements_of

if TYPE_CHECKING:
    from accounts.models import User

# A key is remembered this long after its reservation was closed.
CLOSED_KEPT = timedelta(days=7)
SWEEP_ROWS_MAX = 500


def reserve(
    *, user: "User", feature: str, amount: int, key: str, entitled: Entitlements | None = None
) -> Reservation:
    """Keep an amount of a limit for whoever holds the key, until settled, released or lapsed.

    The same call again changes nothing and answers alike; once lapsed, it takes the place again.
    `entitled` is what the caller has just read of the account, which then is not read again.
    Raises LimitReached, and ValueError when the key was used for something else.
    """
    return _take(user, Need(feature=feature, amount=amount, key=key), entitled)


def consume(
    *, user: "User", feature: str, amount: int, key: str, entitled: Entitlements | None = None
) -> Reservation:
    """Reserve and settle at once, for what is used the moment it is asked for; see `reserve`."""
    return _take(user, Need(feature=feature, amount=amount, key=key, is_used=True), entitled)


def reserve_each(
    *, user: "User", needs: Sequence[Need], entitled: Entitlements
) -> list[Reservation | LimitReached]:
    """Several limits of one account in one statement; each is answered with what it got.

    What was refused is not raised, and what found room is held all the same: whoever cannot do
    without one raises its refusal, and leaves the transaction by it.
    """
    wanted = _wanted(user, needs, timezone.now())
    with transaction.atomic(savepoint=False):
        return reservations.take_each(wanted, entitled)


def reserve_for_each(
    *, needs: Mapping["User", Sequence[Need]], entitled: Mapping[int, Entitlements]
) -> set[int]:
    """The limits of several accounts in one statement; gives the accounts that were refused any.

    A refusal undoes nothing: with one the caller leaves its transaction, and comes again without
    those accounts. Whoever asks for each by itself hears why.
    """
    now = timezone.now()
    # In the order of accounts, here and where places are given back.
    users = sorted(needs, key=lambda user: user.pk)
    wanted = [one for user in users for one in _wanted(user, needs[user], now)]
    return reservations.take_all(wanted, entitled)


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
    return batches.reserve(wanted, feature=feature, lapses_after=reservations.LAPSES_AFTER)


def renew_all(*, keys: Collection[str]) -> set[str]:
    """Hold many reservations 45 s from now in one statement; gives the keys that are held.

    The others have lapsed and lost their place, or are closed: `renew` says of each.
    """
    return batches.renew(keys, lapses_after=reservations.LAPSES_AFTER)


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
    _lapse_abandoned()
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


def _wanted(user: "User", needs: Sequence[Need], now: datetime) -> list[Reservation]:
    return [reservations.new(user=user, need=need, now=now) for need in needs]


def _lapse_abandoned() -> None:
    """Count back what nobody renewed for so long: a killed process leaves a place a socket."""
    held = Reservation.objects.filter(
        state=Reservation.State.HELD, lapses_at__lt=Now() - CLOSED_KEPT
    )
    keys = list(held.values_list("key", flat=True)[:SWEEP_ROWS_MAX])
    if keys:
        batches.lapse(keys)


def _take(user: "User", need: Need, entitled: Entitlements | None) -> Reservation:
    [wanted] = _wanted(user, [need], timezone.now())
    entitled = entitled or entitlements_of(user, at=wanted.created_at)
    with _movement():
        return reservations.take(wanted, entitled)


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
