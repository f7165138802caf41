"""What all accounts together are, use and bring; nothing here writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from billing.catalogue import WARN_AT_PERCENT
from billing.models import Grant, UsageCounter
from billing.periods import Window, period_at
from billing.tiers import Tier
from netra import replica

Rows = list[tuple[Any, ...]]

QUOTA: Final = "runs_month"
MONTHS: Final = 12
WEEK: Final = timedelta(days=7)
# A trial lasts 30 days at most.
WEEKS: Final = 5
# Whoever subscribes within so long after a trial does so because of it.
CONVERTS_WITHIN: Final = timedelta(days=30)

# A grant counts from its approval, where it needs one, and until its revocation.
_TIERS = """
WITH live AS (
    SELECT user_id, max(rank) AS top, max(rank) FILTER (WHERE kind <> 'trial') AS base
    FROM billing_grant, array_position(%(tiers)s::text[], tier::text) AS rank
    WHERE GREATEST(starts_at, approved_at) <= %(at)s
        AND COALESCE(LEAST(ends_at, revoked_at), 'infinity') > %(at)s
        AND (tier <> 'enterprise' OR approved_at IS NOT NULL)
    GROUP BY user_id
)
SELECT (%(tiers)s::text[])[COALESCE(live.top, 1)], count(*),
    count(*) FILTER (WHERE live.top > COALESCE(live.base, 1)),
    COALESCE(sum(month.used), 0)::bigint,
    count(*) FILTER (WHERE month.used * 100 > month."limit" * %(near)s)
FROM accounts_user AS account
LEFT JOIN live ON live.user_id = account.id
LEFT JOIN billing_usagecounter AS month ON month.user_id = account.id
    AND month.feature = %(quota)s AND month.period_start = %(month)s
WHERE account.is_active
GROUP BY 1
"""
_TRIALS = """
SELECT date_trunc('month', trial.starts_at, 'UTC'), count(*), count(*) FILTER (WHERE EXISTS (
    SELECT FROM billing_grant AS paid
    WHERE paid.user_id = trial.user_id AND paid.kind = 'subscription'
        AND paid.starts_at >= trial.starts_at
        AND paid.starts_at < trial.ends_at + %(converts_within)s
))
FROM billing_grant AS trial
WHERE trial.kind = 'trial' AND trial.starts_at >= %(since)s AND trial.starts_at <= %(at)s
GROUP BY 1
"""
_ENDING = """
SELECT ceil(extract(epoch FROM ends_at - %(at)s) / extract(epoch FROM %(week)s))::int, count(*)
FROM billing_grant
WHERE kind = 'trial' AND revoked_at IS NULL AND starts_at <= %(at)s AND ends_at > %(at)s
GROUP BY 1
"""
# At the last moment of each month, and now. What is paid is the price that the subscription has,
# of one that was given by hand the one on the list.
_REVENUE = """
WITH paid AS MATERIALIZED (
    SELECT tier, source, GREATEST(starts_at, approved_at) AS starts_at,
        COALESCE(LEAST(ends_at, revoked_at), 'infinity') AS stops_at
    FROM billing_grant
    WHERE kind = 'subscription' AND (tier <> 'enterprise' OR approved_at IS NOT NULL)
)
SELECT moment.month, paid.tier, COALESCE(own.currency, listed.currency, ''), count(*),
    COALESCE(sum(CASE COALESCE(own."interval", listed."interval")
        WHEN 'year' THEN COALESCE(own.amount, listed.amount) / 12
        ELSE COALESCE(own.amount, listed.amount) END), 0)::bigint
FROM unnest(%(months)s::timestamptz[], %(moments)s::timestamptz[]) AS moment (month, at)
JOIN paid ON paid.starts_at <= moment.at AND paid.stops_at > moment.at
LEFT JOIN billing_subscription AS subscription
    ON 'stripe:' || subscription.provider_id = paid.source
LEFT JOIN billing_price AS own ON own.id = subscription.price_id AND own.tier = paid.tier
LEFT JOIN billing_price AS listed ON own.id IS NULL AND listed.tier = paid.tier
    AND listed."interval" = 'month' AND listed.tier <> 'enterprise'
    AND listed.valid_from <= moment.at
    AND COALESCE(listed.valid_until, 'infinity') > moment.at
GROUP BY 1, 2, 3
"""
_RUNS = """
SELECT period_start, sum(used)::bigint FROM billing_usagecounter
WHERE feature = 'runs_month' AND period_start >= %(since)s GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFigures:
    """The accounts that have a tier now, and what they used this month."""

    tier: Tier
    accounts: int = 0
    by_trial: int = 0
    runs: int = 0
    near_limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFigures:
    """The trials that started in a month, and those of them that led to a subscription."""

    started: int = 0
    converted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """What the subscriptions of one tier bring a month, in the smallest unit of a currency.

    `currency` is empty, and the amount 0, where nothing says what they cost.
    """

    month: datetime
    tier: Tier
    currency: str
    subscriptions: int
    amount: int


def months_until(at: datetime) -> tuple[datetime, ...]:
    """The beginnings of the last MONTHS months, the present one included, oldest first."""
    months = [period_at(Window.MONTH, at).starts_at]
    while len(months) < MONTHS:
        months.append(period_at(Window.MONTH, months[-1] - timedelta(microseconds=1)).starts_at)
    return tuple(reversed(months))


def runs_of(users: Collection[int], *, at: datetime) -> dict[int, int]:
    """The runs of a month, by the keys of accounts; whoever had none is left out."""
    month = period_at(Window.MONTH, at).starts_at
    counted = UsageCounter.objects.filter(user__in=users, feature=QUOTA, period_start=month)
    return dict(counted.values_list("user_id", "used"))


def tier_figures(at: datetime) -> dict[Tier, TierFigures]:
    """Every tier with its accounts, deactivated ones left out."""
    rows = _rows(
        _TIERS,
        tiers=[tier.value for tier in Tier],
        at=at,
        near=WARN_AT_PERCENT[0],
        quota=QUOTA,
        month=period_at(Window.MONTH, at).starts_at,
    )
    found = {
        Tier(tier): TierFigures(
            tier=Tier(tier), accounts=accounts, by_trial=by_trial, runs=runs, near_limit=near
        )
        for tier, accounts, by_trial, runs, near in rows
    }
    return {tier: found.get(tier, TierFigures(tier=tier)) for tier in Tier}


def trials_by_month(at: datetime) -> dict[datetime, TrialFigures]:
    months = months_until(at)
    rows = _rows(_TRIALS, since=months[0], at=at, converts_within=CONVERTS_WITHIN)
    found = {month: TrialFigures(started=one, converted=two) for month, one, two in rows}
    return {month: found.get(month, TrialFigures()) for month in months}


def trials_ending(at: datetime) -> tuple[int, ...]:
    """Running trials by the week of their end, counted from now."""
    found: dict[int, int] = dict(_rows(_ENDING, at=at, week=WEEK))
    return tuple(found.get(week, 0) for week in range(1, WEEKS + 1))


def revenue_by_month(at: datetime) -> list[Revenue]:
    """Of each month's last moment, and of now for the present one."""
    months = months_until(at)
    moments = [after - timedelta(microseconds=1) for after in months[1:]]
    rows = _rows(_REVENUE, months=list(months), moments=[*moments, at])
    return [
        Revenue(month=month, tier=Tier(tier), currency=currency, subscriptions=count, amount=amount)
        for month, tier, currency, count, amount in rows
    ]


def runs_by_month(at: datetime) -> dict[datetime, int]:
    months = months_until(at)
    found: dict[datetime, int] = dict(_rows(_RUNS, since=months[0]))
    return {month: found.get(month, 0) for month in months}


def waiting_for_approval(at: datetime) -> int:
    """Enterprise grants that a second person may still approve."""
    return Grant.objects.pending(at).count()


def _rows(statement: str, **values: Any) -> Rows:
    with replica.connection().cursor() as cursor:
        cursor.execute(statement, values)
        rows: Rows = cursor.fetchall()
        return rows
