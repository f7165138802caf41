"""What an account may do and what it has used; nothing here writes."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from billing.catalogue import WINDOWS, Catalogue, percent_reached
from billing.entitlements import Entitlements, GrantKind, GrantSpan, effective_tier, entitlements
from billing.models import Feature, Grant, Reservation, TierLimit, TrialPolicy, UsageCounter
from billing.periods import Window, period_at
from billing.tiers import Tier
from billing.trials import OVER_SAID_FOR, TrialEnding, environment_of

if TYPE_CHECKING:
    from accounts.models import User

# Limits and features change a few times a year and are read for every message: an edit made in
# another process is seen here this much later.
CATALOGUE_AGE_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class _Read:
    catalogue: Catalogue
    at_s: float


_read: _Read | None = None

# Asked for every message: the ORM would take longer to write this than PostgreSQL to answer it.
# A grant counts from its approval, where it needs one, and until its revocation. Of a trial, of
# which there are few, the end is told even when it is long over.
_SPANS = """
SELECT user_id, kind, tier, GREATEST(starts_at, approved_at), LEAST(ends_at, revoked_at)
FROM billing_grant
WHERE user_id = ANY(%(users)s)
    AND (kind = 'trial' OR COALESCE(LEAST(ends_at, revoked_at), 'infinity') > %(since)s)
    AND (tier <> 'enterprise' OR approved_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One limit as an account sees it; `used` counts what is reserved and not lapsed."""

    feature: str
    used: int
    limit: int | None
    resets_at: datetime | None

    @property
    def percent_reached(self) -> int | None:
        """Of the parts at which a warning is due, the highest that is used; None below them."""
        return percent_reached(self.used, self.limit)


def entitlements_of(user: "User", *, at: datetime | None = None) -> Entitlements:
    """What the account may do at a moment, now by default."""
    at = at or timezone.now()
    return entitlements(spans_of(user.pk, since=at), catalogue(), at)


def entitlements_of_all(
    users: Collection[int], *, at: datetime | None = None
) -> dict[int, Entitlements]:
    """The same for many accounts, by their keys, in one question."""
    at = at or timezone.now()
    spans = _spans(users, since=at)
    known = catalogue()
    return {user: entitlements(spans[user], known, at) for user in users}


def spans_of(user: int, *, since: datetime) -> list[GrantSpan]:
    """An account's grants as far as they count at a moment or later, and all trials it had."""
    return _spans([user], since=since)[user]


def usage_of(user: "User") -> tuple[Usage, ...]:
    """Every limit that is counted, in the order of the catalogue, as it stands now."""
    now = timezone.now()
    limits = entitlements_of(user, at=now).limits
    counted = {name: w for name, w in WINDOWS.items() if w is not Window.SPAN}
    periods = {name: period_at(window, now) for name, window in counted.items()}
    used = _used(user, {name: period.starts_at for name, period in periods.items()}, now)
    return tuple(
        Usage(feature=name, used=used[name], limit=limits[name], resets_at=period.ends_at)
        for name, period in periods.items()
    )


def held_keys(user: "User", *, feature: str) -> list[str]:
    """The keys under which an account holds something of a limit, lapsed ones included."""
    held = Reservation.objects.filter(user=user, feature=feature, state=Reservation.State.HELD)
    return list(held.values_list("key", flat=True))


def trial_policy_for(user: "User", *, at: datetime) -> TrialPolicy | None:
    """The rule that holds for the account's mailbox in this environment."""
    environment = environment_of(settings.NETRA_ENV, testing=settings.NETRA_TESTING)
    rules = TrialPolicy.objects.filter(
        environment=environment, mailbox_kind__in=(user.mailbox_kind, ""), valid_from__lte=at
    )
    # The empty kind, which is every other one, sorts last.
    return rules.exclude(valid_until__lte=at).order_by("-mailbox_kind").first()


def trial_ending_of(user: "User", *, at: datetime | None = None) -> TrialEnding | None:
    """The account's trial while it runs and shortly after, with what follows it."""
    at = at or timezone.now()
    trials = Grant.objects.filter(
        user=user,
        kind=GrantKind.TRIAL,
        revoked_at=None,
        starts_at__lte=at,
        ends_at__gt=at - OVER_SAID_FOR,
    )
    trial = trials.order_by("-ends_at").first()
    return None if trial is None else ending_of(trial)


def ending_of(trial: Grant) -> TrialEnding:
    """What is to be said of a trial's end, as the account stands now."""
    assert trial.ends_at is not None  # the database holds that a trial ends
    spans = spans_of(trial.user_id, since=trial.ends_at)
    return TrialEnding(
        tier=trial.tier,
        starts_at=trial.starts_at,
        ends_at=trial.ends_at,
        then=effective_tier(spans, trial.ends_at),
    )


def catalogue() -> Catalogue:
    """Every limit and feature, at most CATALOGUE_AGE_MAX_S old."""
    global _read
    read = _read
    if read is None or time.monotonic() - read.at_s > CATALOGUE_AGE_MAX_S:
        read = _read = _Read(_catalogue_rows(), time.monotonic())
    return read.catalogue


def forget_catalogue(**_signal: object) -> None:
    """Read limits and features anew at the next question, in this process."""
    global _read
    _read = None


def _spans(users: Collection[int], *, since: datetime) -> dict[int, list[GrantSpan]]:
    spans: dict[int, list[GrantSpan]] = {user: [] for user in users}
    with connection.cursor() as cursor:
        cursor.execute(_SPANS, {"users": list(users), "since": since})
        for user, kind, tier, starts_at, ends_at in cursor.fetchall():
            spans[user].append(
                GrantSpan(
                    kind=GrantKind(kind), tier=Tier(tier), starts_at=starts_at, ends_at=ends_at
                )
            )
    return spans


def _catalogue_rows() -> Catalogue:
    return Catalogue(
        versions=tuple(row.version for row in TierLimit.objects.order_by("valid_from")),
        features=MappingProxyType(dict(Feature.objects.values_list("name", "lowest_tier"))),
    )


def _used(user: "User", starts: Mapping[str, datetime], now: datetime) -> Mapping[str, int]:
    mine = {"user": user, "feature__in": starts, "period_start__in": set(starts.values())}
    used = dict.fromkeys(starts, 0)
    for counter in UsageCounter.objects.filter(**mine):
        if starts[counter.feature] == counter.period_start:
            used[counter.feature] = counter.used + counter.reserved
    lapsed = Reservation.objects.filter(**mine, state=Reservation.State.HELD, lapses_at__lte=now)
    for feature, start, amount in lapsed.values_list("feature", "period_start").annotate(
        Sum("amount")
    ):
        if starts[feature] == start:
            used[feature] -= amount
    return used
