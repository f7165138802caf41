"""Mails about a month's runs: at 80, 95 and 100 %, each once a month."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, connections, transaction
from pytest_django import Settings

from accounts.models import User
from billing import services
from billing.models import UsageCounter, UsageWarning
from billing.services.warnings import TAKEN_FOR
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakePerson

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MONTH = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def person(make_person: MakePerson) -> User:
    return make_person("ann@gmail.com")


def use(user: User, runs: int, *, at: datetime = NOW) -> None:
    with time_machine.travel(at, tick=False):
        made = UsageCounter.objects.count()
        key = f"{user.pk} {at} {runs} {made} {UsageWarning.objects.count()}"
        services.consume(user=user, feature="runs_month", amount=runs, key=key)


def told(at: datetime = NOW) -> list[str]:
    mail.outbox.clear()
    with time_machine.travel(at, tick=False):
        assert services.send_usage_warnings() == len(mail.outbox)
    return [str(message.subject).removeprefix("You have used ") for message in mail.outbox]


def test_each_step_is_told_once(person: User) -> None:
    heard = []
    for runs in (799, 1, 149, 1, 49, 1):
        use(person, runs)
        heard.append(told() + told())
    words = [f"{percent} % of this month's runs" for percent in (80, 95, 100)]
    assert heard == [[], words[:1], [], words[1:2], [], words[2:]]


def test_only_the_highest_of_several_is_told(person: User) -> None:
    use(person, 960)
    assert told() == ["95 % of this month's runs"]
    assert told() == []


def test_the_mail_says_how_much_until_when_and_what_would_lift_it(person: User) -> None:
    use(person, 800)
    told()
    [message] = mail.outbox
    assert message.to == [person.email]
    assert "800 of the 1,000 runs" in message.body
    assert "start again on 1 July 2026, 00:00 UTC." in message.body
    assert "The early plan has more of them." in message.body
    use(person, 200)
    told()
    assert "New messages are refused until they start again" in str(mail.outbox[0].body)


def test_the_next_month_is_told_of_anew(person: User) -> None:
    use(person, 800)
    assert len(told()) == 1
    july = NOW + timedelta(days=30)
    assert told(july) == []
    use(person, 850, at=july)
    assert told(july) == ["80 % of this month's runs"]


def test_whoever_has_a_higher_limit_by_now_is_told_nothing(person: User, give: MakeGrant) -> None:
    use(person, 800)
    with time_machine.travel(NOW, tick=False):
        give(person, Tier.EARLY)
    assert told() == []
    use(person, 7200)
    use(person, 1500)
    assert told() == ["95 % of this month's runs"]


def test_without_a_limit_nothing_is_told(person: User, staff: User, give: MakeGrant) -> None:
    with time_machine.travel(NOW, tick=False):
        services.approve_grant(grant=give(person, Tier.ENTERPRISE), actor=staff)
    use(person, 1_000_000)
    assert told() == []


def test_what_is_only_reserved_is_not_used(person: User) -> None:
    with time_machine.travel(NOW, tick=False):
        services.reserve(user=person, feature="runs_month", amount=900, key="a")
    assert told() == []
    with time_machine.travel(NOW, tick=False):
        services.settle(key="a", amount=900)
    assert told() == ["80 % of this month's runs"]


def test_other_limits_are_not_mailed_about(person: User) -> None:
    with time_machine.travel(NOW, tick=False):
        services.consume(user=person, feature="messages_minute", amount=30, key="a")
    assert told() == []


@pytest.mark.parametrize(
    "gone", [{"is_active": False}, {"suspended_at": NOW}, {"verified_at": None}]
)
def test_whoever_cannot_use_the_account_gets_no_mail(person: User, gone: dict[str, object]) -> None:
    use(person, 800)
    User.objects.filter(pk=person.pk).update(**gone)
    assert told() == []


def test_a_mail_server_that_is_away_is_asked_again(person: User, settings: Settings) -> None:
    use(person, 800)
    there = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens on discard
    assert told() == []
    settings.EMAIL_BACKEND = there
    assert told() == []
    assert told(NOW + TAKEN_FOR) == ["80 % of this month's runs"]
    assert UsageWarning.objects.get().attempts == 2


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_tell_it_once(person: User) -> None:
    use(person, 800)
    mail.outbox.clear()

    def send(_: int) -> int:
        try:
            return services.send_usage_warnings()
        finally:
            connections.close_all()

    with time_machine.travel(NOW, tick=False), ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(send, range(16))) == 1
    assert len(mail.outbox) == 1


def test_the_database_keeps_one_row_for_each(person: User) -> None:
    row = {"user": person, "feature": "runs_month", "period_start": MONTH, "taken_until": NOW}
    UsageWarning.objects.create(percent=80, **row)
    for percent, name in ((80, "usage_warning_once"), (90, "usage_warning_percent_known")):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            UsageWarning.objects.create(percent=percent, **row)
