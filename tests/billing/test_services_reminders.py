"""Mails as a trial ends: each once, none in heaps, and nothing that depends on them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, connections, transaction
from pytest_django import Settings

from accounts.models import User
from billing import services
from billing.models import Grant, TrialReminder
from billing.selectors import trial_ending_of
from billing.services.reminders import ATTEMPTS_MAX, TAKEN_FOR
from billing.tiers import Tier
from billing.trials import DAY, OVER_SAID_FOR, reminder_due
from tests.billing.conftest import MakeGrant, MakePerson

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
END = NOW + 14 * DAY
TICK = timedelta(microseconds=1)


@pytest.fixture
def person(make_person: MakePerson) -> User:
    """With a trial of 14 days from NOW."""
    with time_machine.travel(NOW, tick=False):
        person = make_person("ann@gmail.com")
        services.start_trial(user=person)
    return person


def sent_at(moment: datetime) -> list[str]:
    """The subjects of what is sent by a worker that wakes at a moment."""
    mail.outbox.clear()
    with time_machine.travel(moment, tick=False):
        answered = services.send_due_reminders()
    assert answered == len(mail.outbox)
    return [str(message.subject) for message in mail.outbox]


@pytest.mark.usefixtures("person")
def test_a_worker_that_always_runs_sends_each_once() -> None:
    moments = [NOW + n * DAY / 4 for n in range(4 * 25)]
    heard = {moment: subjects for moment in moments if (subjects := sent_at(moment))}
    assert heard == {
        END - 7 * DAY: ["Your Early trial ends in 7 days"],
        END - 3 * DAY: ["Your Early trial ends in 3 days"],
        END - DAY: ["Your Early trial ends within a day"],
        END: ["Your Early trial has ended"],
    }


def test_it_is_written_to_the_person_and_says_what_follows(person: User) -> None:
    sent_at(END - 7 * DAY)
    [message] = mail.outbox
    assert message.to == [person.email]
    assert "29 June 2026, 12:00 UTC; then the account goes on with the free plan" in message.body
    assert "stays readable" in message.body


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    ("woken", "heard"),
    [
        (END - 2 * DAY, ["Your Early trial ends in 2 days"]),
        (END - TICK, ["Your Early trial ends within a day"]),
        (END + 6 * DAY, ["Your Early trial has ended"]),
        (END + OVER_SAID_FOR, []),
    ],
)
def test_after_an_outage_only_the_last_one_is_sent(woken: datetime, heard: list[str]) -> None:
    assert sent_at(woken) == heard
    assert sent_at(woken) == []


def test_a_trial_that_is_extended_is_reminded_of_anew(person: User) -> None:
    assert len(sent_at(END - 7 * DAY)) == len(sent_at(END - 3 * DAY)) == 1
    with time_machine.travel(END - 2 * DAY, tick=False):
        services.extend_trial(user=person, days=10, reason="ill", actor=None)
    assert sent_at(END - 2 * DAY) == []
    assert sent_at(END + 3 * DAY) == ["Your Early trial ends in 7 days"]


def test_a_trial_that_was_ended_is_not_spoken_of(person: User) -> None:
    with time_machine.travel(NOW + DAY, tick=False):
        services.revoke(grant=Grant.objects.get(), reason="asked for", actor=None)
    assert sent_at(END - 7 * DAY) == sent_at(END) == []


def test_who_goes_on_with_the_plan_is_not_frightened(person: User, give: MakeGrant) -> None:
    with time_machine.travel(NOW + 2 * DAY, tick=False):
        paid = give(person, Tier.EARLY, kind="subscription")
    assert sent_at(END - 7 * DAY) == []
    with time_machine.travel(END - 4 * DAY, tick=False):
        services.revoke(grant=paid, reason="cancelled", actor=None)
    assert sent_at(END - 4 * DAY) == []
    assert sent_at(END - 3 * DAY) == ["Your Early trial ends in 3 days"]


@pytest.mark.parametrize(
    "gone", [{"is_active": False}, {"suspended_at": NOW}, {"verified_at": None}]
)
def test_whoever_cannot_use_the_account_gets_no_mail(person: User, gone: dict[str, object]) -> None:
    User.objects.filter(pk=person.pk).update(**gone)
    assert sent_at(END - 7 * DAY) == []


def test_a_mail_server_that_is_away_is_asked_again_and_not_for_ever(
    person: User, settings: Settings
) -> None:
    there = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens on discard
    woken = END - 7 * DAY
    for _ in range(ATTEMPTS_MAX - 1):
        assert sent_at(woken) == sent_at(woken + TAKEN_FOR - TICK) == []
        woken += TAKEN_FOR
    assert TrialReminder.objects.get().attempts == ATTEMPTS_MAX - 1
    settings.EMAIL_BACKEND = there
    assert sent_at(woken) == ["Your Early trial ends in 7 days"]
    TrialReminder.objects.update(done_at=None)  # as if whoever sent it had died at that moment
    assert sent_at(woken + TAKEN_FOR) == []


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_one(person: User) -> None:
    mail.outbox.clear()

    def send(_: int) -> int:
        try:
            return services.send_due_reminders()
        finally:
            connections.close_all()

    with time_machine.travel(END - 7 * DAY, tick=False), ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(send, range(16))) == 1
    assert len(mail.outbox) == 1


def test_the_database_keeps_one_row_for_each(person: User) -> None:
    trial = Grant.objects.get()
    row = {"grant": trial, "ends_at": END, "taken_until": NOW}
    TrialReminder.objects.create(days_before=7, **row)
    for days, constraint in ((7, "trial_reminder_once"), (5, "trial_reminder_day_known")):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            TrialReminder.objects.create(days_before=days, **row)


def test_what_a_page_says_needs_no_worker(person: User, give: MakeGrant) -> None:
    def said(moment: datetime) -> int | None:
        ending = trial_ending_of(person, at=moment)
        if ending is None:
            return None
        return reminder_due(ending.starts_at, ending.ends_at, moment)

    moments = [END - 8 * DAY, END - 7 * DAY, END - 2 * DAY, END - TICK, END, END + OVER_SAID_FOR]
    assert [said(moment) for moment in moments] == [None, 7, 3, 1, 0, None]
    assert trial_ending_of(person, at=NOW - TICK) is None
    give(person, Tier.MID, kind="subscription", starts_at=NOW)
    ending = trial_ending_of(person, at=NOW)
    assert ending is not None
    assert (ending.then, ending.lowers()) == (Tier.MID, False)
