"""Mails about trials that end; nothing an account may do depends on them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation

from billing.entitlements import GrantKind
from billing.models import Grant, TrialReminder
from billing.selectors import ending_of
from billing.trials import DAY, OVER_SAID_FOR, REMINDER_DAYS, TrialEnding

logger = structlog.get_logger(__name__)

# Of each reminder a call: at a second a mail a call is over within minutes, and the next goes on.
REMINDERS_AT_ONCE = 50
# A mail is given up 10 s after it was begun (EMAIL_TIMEOUT); whoever died over it is waited for.
TAKEN_FOR = timedelta(seconds=60)
# A server that refuses an address five times will refuse it again.
ATTEMPTS_MAX = 5

# One statement: of any number of workers one gets the reminder.
_TAKE = """
INSERT INTO billing_trialreminder AS reminder
    (grant_id, ends_at, days_before, attempts, taken_until)
VALUES (%(grant)s, %(ends_at)s, %(days_before)s, 1, %(until)s)
ON CONFLICT (grant_id, ends_at, days_before) DO UPDATE SET
    attempts = reminder.attempts + 1, taken_until = excluded.taken_until
WHERE reminder.done_at IS NULL AND reminder.taken_until <= %(now)s
    AND reminder.attempts < %(attempts_max)s
RETURNING id
"""


def send_due_reminders() -> int:
    """Send what is due about trials that end within days or ended lately; answers how many.

    Safe in any number of processes at once. Each reminder goes out once; after an outage only the
    last one that came due. A mail server that is away ends the call, and a later one tries again.
    """
    now = timezone.now()
    sent = 0
    for trial, days_before in _due(now):
        reminder = _take(trial, days_before, now)
        if reminder is None:
            continue
        ending = ending_of(trial)
        if ending.lowers():
            try:
                with translation.override(trial.user.language or settings.LANGUAGE_CODE):
                    _mail(trial.user.email, ending, now).send()
            except (SMTPException, OSError):
                logger.warning("a reminder of a trial was not sent", trial=trial.pk)
                return sent
            sent += 1
        TrialReminder.objects.filter(pk=reminder).update(done_at=timezone.now())
    return sent


def _due(now: datetime) -> Iterator[tuple[Grant, int]]:
    # Each holds until the next one comes, and the last as long as a trial is spoken of.
    later = [days * DAY for days in REMINDER_DAYS[1:]] + [-OVER_SAID_FOR]
    for days_before, next_one in zip(REMINDER_DAYS, later, strict=True):
        trials = _open_trials(days_before, now).filter(
            ends_at__gt=now + next_one, ends_at__lte=now + days_before * DAY
        )
        for trial in trials.select_related("user").order_by("ends_at")[:REMINDERS_AT_ONCE]:
            assert trial.ends_at is not None  # it was asked for by its end
            if trial.starts_at < trial.ends_at - days_before * DAY:
                yield trial, days_before


def _open_trials(days_before: int, now: datetime) -> QuerySet[Grant]:
    """Trials of people who can be written to, for which this reminder may be sent."""
    closed = TrialReminder.objects.filter(
        Q(done_at__isnull=False) | Q(taken_until__gt=now) | Q(attempts__gte=ATTEMPTS_MAX),
        grant=OuterRef("pk"),
        ends_at=OuterRef("ends_at"),
        days_before=days_before,
    )
    return Grant.objects.filter(
        ~Exists(closed),
        kind=GrantKind.TRIAL.value,
        revoked_at=None,
        user__is_active=True,
        user__suspended_at=None,
        user__verified_at__isnull=False,
    )


def _take(trial: Grant, days_before: int, now: datetime) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "grant": trial.pk,
                "ends_at": trial.ends_at,
                "days_before": days_before,
                "until": now + TAKEN_FOR,
                "now": now,
                "attempts_max": ATTEMPTS_MAX,
            },
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


def _mail(address: str, ending: TrialEnding, now: datetime) -> EmailMessage:
    headline = ending.headline(now)
    words = {"headline": headline, "sentence": ending.sentence(now)}
    body = render_to_string("billing/email/trial_ending.txt", words)
    return EmailMessage(subject=headline, body=body, to=[address])
