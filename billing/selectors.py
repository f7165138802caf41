"""What an account may do and what it has used; nothing here writes."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils import timezone

from billing import plan
from billing.catalogue import WINDOWS, Catalogue
from billing.entitlements import Entitlements, GrantKind, GrantSpan, effective_tier, entitlements
from billing.models import (
    Customer,
    Feature,
    Grant,
    Price,
    Reservation,
    TierLimit,
    TrialPolicy,
    UsageCounter,
)
from billing.overrides import OverrideSpan
from billing.periods import Window, period_at
from billing.plan import Offer, Payment, Plan, Usage
from billing.prices import SOLD_TIERS
from billing.subscriptions import in_trouble, words_of
from billing.tiers import Tier
from billing.trials import OVER_SAID_FOR, TrialEnding, environment_of
from netra.words import gettext

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
# which there are few, the end is told even when it is long over. An override has no tier.
_SPANS = """
SELECT user_id, kind, tier, NULL::bigint,
    GREATEST(starts_at, approved_at), LEAST(ends_at, revoked_at)
FROM billing_grant
WHERE user_id = ANY(%(users)s)
    AND (kind = 'trial' OR COALESCE(LEAST(ends_at, revoked_at), 'infinity') > %(since)s)
    AND (tier <> 'enterprise' OR approved_at IS NOT NULL)
UNION ALL
SELECT user_id, feature, NULL, value, starts_at, LEAST(ends_at, ended_at)
FROM billing_featureoverride
WHERE user_id = ANY(%(users)s) AND COALESCE(LEAST(ends_at, ended_at), 'infinity') > %(since)s
"""


@dataclass(frozen=True, slots=True)
class Spans:
    """All that decides what one account may do, but the catalogue and the moment."""

    grants: list[GrantSpan] = field(default_factory=list)
    overrides: list[OverrideSpan] = field(default_factory=list)

    def entitlements(self, at: datetime) -> Entitlements:
        return entitlements(self.grants, catalogue(), at, overrides=self.overrides)


def entitlements_of(user: "User", *, at: datetime | None = None) -> Entitlements:
    """What the account may do at a moment, now by default."""
    at = at or timezone.now()
    return spans_of(user.pk, since=at).entitlements(at)


def entitlements_of_all(
    users: Collection[int], *, at: datetime | None = None
) -> dict[int, Entitlements]:
    """The same for many accounts, by their keys, in one question."""
    at = at or timezone.now()
    spans = _spans(users, since=at)
    return {user: spans[user].entitlements(at) for user in users}


def spans_of(user: int, *, since: datetime) -> Spans:
    """What counts for an account at a moment or later, and all trials it had."""
    return _spans([user], since=since)[user]


def usage_of(user: "User") -> tuple[Usage, ...]:
    """Every limit that is counted, in the order of the catalogue, as it stands now."""
    now = timezone.now()
    return _usage(user, entitlements_of(user, at=now), now)


def plan_of(user: "User") -> Plan:
    """All that the account's page of its plan tells."""
    now = timezone.now()
    known = catalogue()
    spans = spans_of(user.pk, since=now)
    entitled = spans.entitlements(now)
    coming = None
    if (change := entitled.next_change) is not None:
        coming = plan.coming_change(entitled, spans.entitlements(change), change)
    payment = payment_of(user, at=now)
    compared = plan.columns(known, payment.offers, now)
    return Plan(
        entitled=entitled,
        ending=trial_ending_of(user, at=now),
        coming=coming,
        payment=payment,
        meters=plan.meters(entitled, _usage(user, entitled, now), known, now),
        spans=plan.spans(entitled),
        columns=compared,
        rows=plan.rows(entitled, compared),
    )


def plans() -> tuple[plan.Column, ...]:
    """Every plan with its price, as whoever has no account may see it."""
    now = timezone.now()
    return plan.columns(catalogue(), _offers(now), now)


def longest_trial_days() -> int:
    """Of the trials that begin by themselves in this environment; 0 where none does."""
    now = timezone.now()
    environment = environment_of(settings.NETRA_ENV, testing=settings.NETRA_TESTING)
    rules = TrialPolicy.objects.filter(
        environment=environment, starts_by_itself=True, valid_from__lte=now
    ).exclude(valid_until__lte=now)
    return max(rules.values_list("days", flat=True), default=0)


def payment_of(user: "User", *, at: datetime) -> Payment:
    """What the account pays, and which plans it could pay for."""
    customer = Customer.objects.filter(user=user).first()
    subscription = None
    if customer is not None:
        going_on = customer.subscriptions.going_on().select_related("price")
        subscription = going_on.order_by("-started_at").first()
    price = None if subscription is None else subscription.price
    told = None if subscription is None else subscription.told
    return Payment(
        configured=bool(settings.STRIPE_KEY),
        known=customer is not None,
        words="" if told is None else words_of(told, _told_price(price)),
        in_trouble=told is not None and in_trouble(told),
        offers=_offers(at),
    )


def _told_price(price: Price | None) -> str:
    return gettext("a price") if price is None else price.words


def _offers(at: datetime) -> tuple[Offer, ...]:
    sold = Price.objects.filter(tier__in=SOLD_TIERS, valid_from__lte=at)
    rows = sorted(
        sold.exclude(valid_until__lte=at), key=lambda price: (price.tier.rank, price.interval)
    )
    return tuple(
        Offer(
            price=row.pk,
            tier=row.tier,
            currency=row.currency,
            words=row.words,
            sold=row.sold(at),
        )
        for row in rows
    )


def _usage(user: "User", entitled: Entitlements, now: datetime) -> tuple[Usage, ...]:
    counted = {name: w for name, w in WINDOWS.items() if w is not Window.SPAN}
    periods = {name: period_at(window, now) for name, window in counted.items()}
    used = _used(user, {name: period.starts_at for name, period in periods.items()})
    return tuple(
        Usage(
            feature=name,
            used=used[name],
            limit=entitled.limits[name],
            resets_at=period.ends_at,
        )
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
    spans = spans_of(trial.user_id, since=trial.ends_at).grants
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


def _spans(users: Collection[int], *, since: datetime) -> dict[int, Spans]:
    spans = {user: Spans() for user in users}
    with connection.cursor() as cursor:
        cursor.execute(_SPANS, {"users": list(users), "since": since})
        for user, name, tier, value, starts_at, ends_at in cursor.fetchall():
            if tier is None:
                spans[user].overrides.append(
                    OverrideSpan(feature=name, value=value, starts_at=starts_at, ends_at=ends_at)
                )
                continue
            spans[user].grants.append(
                GrantSpan(
                    kind=GrantKind(name), tier=Tier(tier), starts_at=starts_at, ends_at=ends_at
                )
            )
    return spans


def _catalogue_rows() -> Catalogue:
    return Catalogue(
        versions=tuple(row.version for row in TierLimit.objects.order_by("valid_from")),
        features=MappingProxyType(dict(Feature.objects.values_list("name", "lowest_tier"))),
    )


def _used(user: "User", starts: Mapping[str, datetime]) -> Mapping[str, int]:
    mine = {"user": user, "feature__in": starts, "period_start__in": set(starts.values())}
    used = dict.fromkeys(starts, 0)
    for counter in UsageCounter.objects.filter(**mine):
        if starts[counter.feature] == counter.period_start:
            used[counter.feature] = counter.used + counter.reserved
    lapsed = Reservation.objects.filter(**mine, state=Reservation.State.HELD, lapses_at__lte=Now())
    for feature, start, amount in lapsed.values_list("feature", "period_start").annotate(
        Sum("amount")
    ):
        if starts[feature] == start:
            used[feature] -= amount
    return used
