"""Mails about a month's limits that are nearly used up; no count depends on them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import connection
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from billing.catalogue import WARN_AT_PERCENT, WINDOWS, percent_reached
from billing.entitlements import Entitlements
from billing.models import UsageWarning
from billing.periods import Period, period_at
from billing.selectors import catalogue, entitlements_of
from netra.words import grouped, moment_words

if TYPE_CHECKING:
    from accounts.models import User

logger = structlog.get_logger(__name__)

# The limit that people use up; the others come back within a minute, or when a tab is closed.
FEATURE = "runs_month"
WARNINGS_AT_ONCE = 50
# As for the reminders of trials.
TAKEN_FOR = timedelta(seconds=60)
ATTEMPTS_MAX = 5

# By the limit that let the counter grow last; what holds now is asked of each that is found.
_DUE = """
SELECT counter.user_id, counter.used, reached.percent
FROM billing_usagecounter AS counter
JOIN accounts_user AS account ON account.id = counter.user_id
CROSS JOIN LATERAL (
    SELECT max(part) AS percent FROM unnest(%(percents)s::int[]) AS part
    WHERE counter.used * 100 >= part * counter."limit"
) AS reached
WHERE counter.feature = 'runs_month' AND counter.period_start = %(period_start)s
    AND counter."limit" > 0 AND reached.percent IS NOT NULL
    AND account.is_active AND account.suspended_at IS NULL AND account.verified_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM billing_usagewarning AS warning
        WHERE warning.user_id = counter.user_id AND warning.feature = counter.feature
            AND warning.period_start = counter.period_start AND warning.percent >= reached.percent
            AND (
                warning.done_at IS NOT NULL OR warning.taken_until > %(now)s
                OR warning.attempts >= %(attempts_max)s
            )
    )
ORDER BY counter.id LIMIT %(at_once)s
"""
# One statement: of any number of workers one gets the warning.
_TAKE = """
INSERT INTO billing_usagewarning AS warning
    (user_id, feature, period_start, percent, attempts, taken_until)
VALUES (%(user)s, %(feature)s, %(period_start)s, %(percent)s, 1, %(until)s)
ON CONFLICT (user_id, feature, period_start, percent) DO UPDATE SET
    attempts = warning.attempts + 1, taken_until = excluded.taken_until
WHERE warning.done_at IS NULL AND warning.taken_until <= %(now)s
    AND warning.attempts < %(attempts_max)s
RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    user: int
    used: int
    percent: int


def send_usage_warnings() -> int:
    """Tell whoever has used 80, 95 or 100 % of a month's runs, once a month each; answers how many.

    Safe in any number of processes at once. Of several that came together only the highest is
    sent. A mail server that is away ends the call, and a later one tries again.
    """
    now = timezone.now()
    period = period_at(WINDOWS[FEATURE], now)
    sent = 0
    for reached in _due(period, now):
        warning = _take(reached, period, now)
        if warning is None:
            continue
        user = get_user_model()._default_manager.get(pk=reached.user)
        entitled = entitlements_of(user, at=now)
        limit = entitled.limits[FEATURE]
        # Whoever has a higher limit by now is not to be told of the old one.
        if limit is not None and percent_reached(reached.used, limit) == reached.percent:
            try:
                with translation.override(user.language or settings.LANGUAGE_CODE):
                    _mail(user, reached, entitled, period).send()
            except (SMTPException, OSError):
                logger.warning("a warning of usage was not sent", user=user.pk)
                return sent
            sent += 1
        UsageWarning.objects.filter(pk=warning).update(done_at=timezone.now())
    return sent


def _due(period: Period, now: datetime) -> list[_Reached]:
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE,
            {
                "percents": list(WARN_AT_PERCENT),
                "period_start": period.starts_at,
                "now": now,
                "attempts_max": ATTEMPTS_MAX,
                "at_once": WARNINGS_AT_ONCE,
            },
        )
        return [
            _Reached(user=user, used=used, percent=percent)
            for user, used, percent in cursor.fetchall()
        ]


def _take(reached: _Reached, period: Period, now: datetime) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "user": reached.user,
                "feature": FEATURE,
                "period_start": period.starts_at,
                "percent": reached.percent,
                "until": now + TAKEN_FOR,
                "now": now,
                "attempts_max": ATTEMPTS_MAX,
            },
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def _mail(user: "User", reached: _Reached, entitled: Entitlements, period: Period) -> EmailMessage:
    resets_at = period.ends_at
    limit = entitled.limits[FEATURE] or 0
    # No tier lifts what staff have set for this account.
    higher = (
        None
        if FEATURE in entitled.overridden
        else catalogue().lowest_tier(FEATURE, limit + 1, period.starts_at)
    )
    words = {
        "used": grouped(reached.used),
        "limit": grouped(limit),
        "used_up": reached.used >= limit,
        "resets_at": "" if resets_at is None else moment_words(resets_at),
        "higher_tier": "" if higher is None else higher.words,
    }
    body = render_to_string("billing/email/usage.txt", words)
    subject = _("You have used %(percent)s %% of this month's runs") % {"percent": reached.percent}
    return EmailMessage(subject=subject, body=body, to=[user.email])
