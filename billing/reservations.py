"""How a reservation is taken, held, settled and given back, inside one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from billing import counters
from billing.catalogue import WINDOWS
from billing.counters import Counter, Growth
from billing.entitlements import Entitlements
from billing.errors import LimitReached, UnknownReservation
from billing.models import KEY_CHARACTERS_MAX, Reservation
from billing.periods import Window, period_at
from billing.selectors import catalogue, entitlements_of

if TYPE_CHECKING:
    from accounts.models import User

# A holder renews every 15 s; three missed renewals mean that it is gone.
LAPSES_AFTER = timedelta(seconds=45)
# More than any limit that is counted, far less than a bigint.
AMOUNT_MAX = 1_000_000_000
OPEN = (Reservation.State.HELD, Reservation.State.LAPSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What something takes of one limit, under a key of its own.

    `is_used`: at once, as by `consume`, and not held until it is settled. `lapses`: when its holder
    is silent, as a process that was killed.
    """

    feature: str
    key: str
    amount: int = 1
    is_used: bool = False
    lapses: bool = True


def new(*, user: "User", need: Need, now: datetime) -> Reservation:
    """A reservation not yet taken; LimitReached for an unknown feature, else ValueError.

    `now` says which period it is counted in.
    """
    feature, amount, key = need.feature, need.amount, need.key
    # True is an int to Python and a boolean to PostgreSQL.
    if type(amount) is not int or not 1 <= amount <= AMOUNT_MAX:
        raise ValueError(f"amount must be a whole number between 1 and {AMOUNT_MAX}")
    if not 1 <= len(key) <= KEY_CHARACTERS_MAX:
        raise ValueError(f"key must have between 1 and {KEY_CHARACTERS_MAX} characters")
    window = WINDOWS.get(feature)
    if window is None:
        raise LimitReached(feature=feature, limit=0, used=0, resets_at=None, required_tier=None)
    if window is Window.SPAN:
        raise ValueError(f"{feature} is a span of time: nothing of it is used up")
    return Reservation(
        user=user,
        feature=feature,
        period_start=period_at(window, now).starts_at,
        amount=amount,
        key=key,
        state=Reservation.State.SETTLED if need.is_used else Reservation.State.HELD,
        # The database says when, by the one clock that all processes share.
        lapses_at=Now() + LAPSES_AFTER if need.lapses else None,
        created_at=now,
    )


def locked(key: str) -> Reservation:
    """The reservation under a key, locked; raises UnknownReservation."""
    held = Reservation.objects.select_for_update().filter(key=key).first()
    if held is None:
        raise UnknownReservation(key)
    return held


def take(wanted: Reservation, entitled: Entitlements) -> Reservation:
    """Take it where there is room, or answer as before where its key was used; LimitReached."""
    [answer] = take_each([wanted], entitled)
    if isinstance(answer, LimitReached):
        raise answer
    return answer


def take_each(
    wanted: Sequence[Reservation], entitled: Entitlements
) -> list[Reservation | LimitReached]:
    """The same of several limits of one account, each for itself: a refusal is an answer here."""
    growths = [_growth(one, entitled) for one in wanted]
    claimed = counters.claim(list(zip(wanted, growths, strict=True)), lapses_after=LAPSES_AFTER)
    answers: list[Reservation | LimitReached] = []
    for one, growth, (key_was_free, grown) in zip(wanted, growths, claimed, strict=True):
        try:
            if not key_was_free:
                answers.append(_earlier(one, one.created_at))
                continue
            if not grown:
                _regain(one, entitled, growth)
        except LimitReached as refusal:
            answers.append(refusal)
        else:
            answers.append(one)
    return answers


def take_all(wanted: Sequence[Reservation], entitled: Mapping[int, Entitlements]) -> set[int]:
    """Take limits of several accounts; gives those accounts that did not get all of theirs.

    What these got is not given back: for them the caller's transaction must not be kept.
    """
    growths = [_growth(one, entitled[one.user_id]) for one in wanted]
    claimed = counters.claim(list(zip(wanted, growths, strict=True)), lapses_after=LAPSES_AFTER)
    return {one.user_id for one, got in zip(wanted, claimed, strict=True) if not all(got)}


def hold(held: Reservation, now: datetime) -> None:
    """Hold an open one anew, taking its place again where it has lapsed; LimitReached."""
    if held.state == Reservation.State.LAPSED:
        _grow(held, held.amount, now)
    held.state = Reservation.State.HELD
    lapses_at = None if held.lapses_at is None else Now() + LAPSES_AFTER
    Reservation.objects.filter(pk=held.pk).update(state=held.state, lapses_at=lapses_at)


def settle(held: Reservation, amount: int, now: datetime) -> None:
    """Close an open one with what was used; LimitReached when that has no room."""
    kept = held.amount if held.state == Reservation.State.HELD else 0
    # A place is not used up: whoever had it gives it back.
    used = 0 if WINDOWS[held.feature] is Window.PLACE else amount
    if used > kept:
        if kept:
            hold(held, now)  # or the search for lapsed places would take back its own
        _grow(held, used - kept, now)
    Counter.of(held).settle(used=used, reserved=max(used, kept))
    _close(held, Reservation.State.SETTLED)


def release(held: Reservation) -> None:
    """Close an open one with nothing used."""
    if held.state == Reservation.State.HELD:
        Counter.of(held).settle(used=0, reserved=held.amount)
    _close(held, Reservation.State.RELEASED)


def _growth(wanted: Reservation, entitled: Entitlements) -> Growth:
    held = wanted.state == Reservation.State.HELD
    used, reserved = (0, wanted.amount) if held else (wanted.amount, 0)
    return Growth(used=used, reserved=reserved, limit=entitled.limits[wanted.feature])


def _regain(wanted: Reservation, entitled: Entitlements, growth: Growth) -> None:
    """Take lapsed places back for one that found no room, or undo it; LimitReached."""
    if not Counter.of(wanted).regain(growth):
        Reservation.objects.filter(pk=wanted.pk).delete()
        raise _limit_reached(wanted, entitled, growth=wanted.amount, now=wanted.created_at)


def _earlier(wanted: Reservation, now: datetime) -> Reservation:
    earlier = locked(wanted.key)
    if any(getattr(earlier, n) != getattr(wanted, n) for n in ("user_id", "feature", "amount")):
        raise ValueError("this key was used for something else")
    has_lapsed = Reservation.objects.filter(pk=earlier.pk, lapses_at__lte=Now())
    if earlier.state in OPEN and has_lapsed.exists():
        hold(earlier, now)
    return earlier


def _grow(held: Reservation, growth: int, now: datetime) -> None:
    entitled = entitlements_of(held.user, at=now)
    limit = entitled.limits[held.feature]
    if not Counter.of(held).grow(Growth(reserved=growth, limit=limit)):
        raise _limit_reached(held, entitled, growth=growth, now=now)


def _close(held: Reservation, state: Reservation.State) -> None:
    held.state = state
    held.save(update_fields=["state"])


def _limit_reached(
    wanted: Reservation, entitled: Entitlements, *, growth: int, now: datetime
) -> LimitReached:
    used = Counter.of(wanted).total()
    # No tier lifts what staff have set for this account.
    by_tier = wanted.feature not in entitled.overridden
    return LimitReached(
        feature=wanted.feature,
        limit=entitled.limits[wanted.feature] or 0,
        used=used,
        resets_at=period_at(WINDOWS[wanted.feature], wanted.period_start).ends_at,
        required_tier=(
            catalogue().lowest_tier(wanted.feature, used + growth, now) if by_tier else None
        ),
    )
