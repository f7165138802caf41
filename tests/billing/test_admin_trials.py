"""The operators' pages of trials."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.models import Grant, TrialClaim, TrialExtension, TrialPolicy
from billing.trials import DAY
from tests.billing.conftest import MakePerson, MakeUser
from tests.billing.test_admin import changelist, run

pytestmark = pytest.mark.django_db


def rule(kind: str = "", environment: str = "test") -> TrialPolicy:
    return TrialPolicy.objects.get(
        environment=environment, mailbox_kind=kind, valid_until__isnull=True
    )


def edit(operator: Client, policy: TrialPolicy, **fields: str) -> str:
    form = {"days": "14", "fallback_tier": "early", "starts_by_itself": "on"} | fields
    page = reverse("admin:billing_trialpolicy_change", args=[policy.pk])
    return operator.post(page, form, follow=True).content.decode()


def add(operator: Client, **fields: str) -> str:
    form = {"environment": "production", "days": "14", "fallback_tier": "early"} | fields
    page = reverse("admin:billing_trialpolicy_add")
    return operator.post(page, form, follow=True).content.decode()


def test_staff_extend_a_running_trial_with_a_reason(
    operator: Client, boss: User, make_person: MakePerson
) -> None:
    trial = services.start_trial(user=make_person("ann@gmail.com"))
    assert "Grants extended: 1" in run(operator, "extend", trial, reason="ill", days="10")
    trial.refresh_from_db()
    assert trial.ends_at == trial.starts_at + 24 * DAY
    extension = TrialExtension.objects.get()
    assert (extension.days, extension.reason, extension.actor) == (10, "ill", boss)
    page = operator.get(reverse("admin:billing_grant_change", args=[trial.pk])).content.decode()
    assert "ill" in page
    assert "boss@example.com" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"days": "17", "reason": "x"}, "between 1 and 30 days"),
        ({"days": "1"}, "A reason is needed"),
        ({"reason": "x"}, "Say how many days more"),
        ({"days": "-3", "reason": "x"}, "Say how many days more"),
        ({"days": "ma", "reason": "x"}, "Say how many days more"),
    ],
)
def test_the_page_says_why_a_trial_is_not_extended(
    operator: Client, make_person: MakePerson, fields: dict[str, str], words: str
) -> None:
    trial = services.start_trial(user=make_person("ann@gmail.com"))
    assert words in run(operator, "extend", trial, **fields)
    trial.refresh_from_db()
    assert trial.ends_at == trial.starts_at + 14 * DAY


def test_only_a_running_trial_is_extended(operator: Client, make_person: MakePerson) -> None:
    with time_machine.travel(timezone.now() - 60 * DAY):
        person = make_person("ann@gmail.com")
        over = services.start_trial(user=person)
    User.objects.filter(pk=person.pk).update(recommended_tier="mid")
    running = services.start_trial(user=person)
    assert "has no running trial" in run(operator, "extend", over, reason="x", days="1")
    running.refresh_from_db()
    assert running.ends_at == running.starts_at + 14 * DAY


def test_support_extends_nothing_without_the_right(
    make_user: MakeUser, make_person: MakePerson
) -> None:
    trial = services.start_trial(user=make_person("ann@gmail.com"))
    support = make_user()
    support.is_staff = True
    support.save()
    support.user_permissions.add(Permission.objects.get(codename="view_grant"))
    client = Client()
    client.force_login(support)
    run(client, "extend", trial, reason="x", days="1")
    assert not TrialExtension.objects.exists()
    support.user_permissions.add(Permission.objects.get(codename="extend_trial"))
    assert "Grants extended: 1" in run(client, "extend", trial, reason="x", days="1")


def test_trials_that_end_soon_are_found(operator: Client, make_person: MakePerson) -> None:
    now = timezone.now()
    for days_ago, name in ((20, "over"), (10, "soon"), (1, "later")):
        with time_machine.travel(now - timedelta(days=days_ago), tick=False):
            services.start_trial(user=make_person(f"{name}@gmail.com"))

    def found(wanted: str) -> list[str]:
        answer = operator.get(changelist("grant"), {"trial": wanted})
        return sorted(grant.user.email for grant in answer.context["cl"].result_list)

    assert found("ending") == ["soon@gmail.com"]
    assert found("running") == ["later@gmail.com", "soon@gmail.com"]


def test_an_edit_is_a_new_version_by_whoever_made_it(operator: Client, boss: User) -> None:
    old = rule()
    assert "no running one changes" in edit(operator, old, days="5", trials_per_organisation="3")
    new = rule()
    assert (new.pk != old.pk, new.days, new.trials_per_organisation) == (True, 5, 3)
    assert (new.actor, new.fallback_tier, new.starts_by_itself) == (boss, "early", True)
    page = reverse("admin:billing_trialpolicy_change", args=[old.pk])
    assert operator.post(page, {"days": "9"}).status_code == 403


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"days": "31"}, "between 1 and 30 days"),
        ({"days": "0"}, "between 1 and 30 days"),
        ({"trials_per_organisation": "0"}, "or empty for any number"),
        ({"fallback_tier": "enterprise"}, "not one of the available choices"),
    ],
)
def test_a_rule_that_may_not_be_is_refused_in_words(
    operator: Client, fields: dict[str, str], words: str
) -> None:
    assert words in edit(operator, rule(), **fields)
    assert rule().days == 14


def test_a_kind_of_mailbox_gets_a_rule_of_its_own_once(operator: Client) -> None:
    assert "no running one changes" in add(operator, mailbox_kind="education", days="21")
    assert rule("education", "production").days == 21
    assert "There is such a rule" in add(operator, mailbox_kind="education")
    assert "There is such a rule" in add(operator, mailbox_kind="business")
    assert "Select a valid choice" in add(operator, mailbox_kind="pigeon")


def test_a_rule_is_not_deleted(operator: Client) -> None:
    page = reverse("admin:billing_trialpolicy_delete", args=[rule().pk])
    assert operator.post(page, {"post": "yes"}).status_code == 403


def test_the_rules_that_hold_here_are_marked(operator: Client) -> None:
    edit(operator, rule(), days="5")
    listed = operator.get(changelist("trialpolicy"), {"version": "in_force"}).context["cl"]
    here = {row for row in listed.result_list if listed.model_admin.holds_here(row)}
    assert {(row.mailbox_kind, row.days) for row in here} == {("", 5), ("business", 30)}
    over = operator.get(changelist("trialpolicy"), {"version": "over"}).context["cl"]
    assert [row.days for row in over.result_list] == [14]


def test_a_claim_is_found_by_the_address_that_nobody_has_any_more(
    operator: Client, make_person: MakePerson
) -> None:
    person = make_person("a.nn@gmail.com")
    services.start_trial(user=person)
    services.start_trial(user=make_person("bob@gmail.com"))
    User.objects.filter(pk=person.pk).update(email="gone@deleted.invalid")
    make_person("an.n+2@gmail.com")
    for term in ("ann@gmail.com", "AN.N+2@gmail.com"):
        answer = operator.get(changelist("trialclaim"), {"q": term})
        assert [claim.user for claim in answer.context["cl"].result_list] == [person]


def test_the_lists_cost_the_same_with_many_rows(operator: Client, make_person: MakePerson) -> None:
    def fill(names: str) -> None:
        for name in names:
            person = make_person(f"{name}@gmail.com")
            services.start_trial(user=person)
            services.extend_trial(user=person, days=1, reason="x", actor=None)

    def queries(page: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(changelist(page)).status_code == 200
        return len(captured)

    pages = ("grant", "trialpolicy", "trialclaim", "trialextension", "trialreminder")
    fill("a")
    few = {page: queries(page) for _ in range(2) for page in pages}
    fill("bcdefghijklmnopqrst")
    assert {page: queries(page) for page in pages} == few
    assert max(few.values()) <= 15
    assert Grant.objects.count() == TrialClaim.objects.count() == 20
