"""The operator's page of an account: explained, dated, and changed only with a reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.models import FeatureOverride, Grant, TierChange
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
LIST = "admin:billing_account_changelist"
DAY = timedelta(days=1)


def address(user: User) -> str:
    return reverse("admin:billing_account_change", args=[user.pk])


def act(operator: Client, user: User, name: str, **fields: Any) -> str:
    form = {"act": name, "reason": "ticket 7"} | fields
    answer = operator.post(address(user), form, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def listed(operator: Client, **parameters: str) -> set[str]:
    answer = operator.get(reverse(LIST), parameters)
    assert answer.status_code == 200
    return {row.email for row in answer.context["cl"].result_list}


def queries(operator: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert operator.get(page).status_code == 200
    return len(captured)


def test_a_plan_is_given_and_taken_back_with_a_reason(
    operator: Client, boss: User, user: User
) -> None:
    shown = act(operator, user, "grant", kind="compensation", tier="mid", days="3")
    assert "compensation mid" in shown
    given = Grant.objects.get()
    assert (given.actor, given.reason, entitlements_of(user).tier) == (boss, "ticket 7", Tier.MID)
    assert given.ends_at == given.starts_at + 3 * DAY
    shown = act(operator, user, "revoke", grant=given.pk)
    assert "revoked" in shown
    assert entitlements_of(user).tier is Tier.FREE
    assert [change.actor for change in TierChange.objects.filter(user=user)] == [boss, boss]


def test_a_trial_is_started_extended_and_ended(operator: Client, user: User) -> None:
    act(operator, user, "start_trial", tier="early", days="10")
    trial = Grant.objects.get()
    assert entitlements_of(user).tier is Tier.EARLY
    act(operator, user, "extend_trial", days="5")
    trial.refresh_from_db()
    assert trial.ends_at == trial.starts_at + 15 * DAY
    refused = act(operator, user, "extend_trial", days="16")
    assert "A trial lasts between 1 and 30 days" in refused
    act(operator, user, "end_trial")
    assert entitlements_of(user).tier is Tier.FREE


def test_an_override_is_made_and_ended(operator: Client, user: User) -> None:
    shown = act(operator, user, "override", feature="runs_month", value="5000", days="2")
    assert "By an exception from our staff: 5,000 runs a month" in shown
    assert entitlements_of(user).limits["runs_month"] == 5000
    act(operator, user, "end_override", override=FeatureOverride.objects.get().pk)
    assert entitlements_of(user).limits["runs_month"] == 1000


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("grant", {"kind": "manual", "tier": "mid", "days": ""}),
        ("start_trial", {"tier": "early", "days": "10"}),
        ("override", {"feature": "runs_month", "value": "", "days": ""}),
    ],
)
def test_nothing_without_a_reason_and_nothing_for_oneself(
    operator: Client, boss: User, user: User, name: str, fields: dict[str, str]
) -> None:
    assert "This field is required" in act(operator, user, name, **fields, reason=" ")
    assert "own account" in act(operator, boss, name, **fields)
    assert not Grant.objects.exists()
    assert not FeatureOverride.objects.exists()


def test_enterprise_waits_for_a_second_person(operator: Client, user: User) -> None:
    shown = act(operator, user, "grant", kind="manual", tier="enterprise", days="")
    assert "It counts once a second person has approved it, within 7 days." in shown
    assert entitlements_of(user).tier is Tier.FREE


def test_what_is_wrong_is_said_where_it_was_filled_in(operator: Client, user: User) -> None:
    shown = act(operator, user, "start_trial", tier="early", days="31", reason="kept in the form")
    assert "less than or equal to 30" in shown
    assert 'value="kept in the form"' in shown
    act(operator, user, "start_trial", tier="early", days="3")
    assert "has a trial in that time" in act(operator, user, "start_trial", tier="mid", days="3")


def test_recomputing_writes_what_time_has_changed(
    operator: Client, user: User, give: MakeGrant
) -> None:
    give(user, Tier.MID, starts_at=timezone.now() + timedelta(seconds=0.2), days=1)
    connection.cursor().execute("SELECT pg_sleep(0.3)")
    act(operator, user, "recompute")
    assert [change.cause for change in TierChange.objects.filter(user=user)] == ["started"]


def test_the_page_tells_the_whole_history(
    operator: Client, user: User, staff: User, give: MakeGrant
) -> None:
    given = give(user, Tier.MID, actor=staff)
    services.revoke(grant=given, reason="asked for", actor=staff)
    give(user, Tier.EARLY, kind="trial", days=3)
    services.extend_trial(user=user, days=2, reason="more time", actor=staff)
    services.consume(user=user, feature="runs_month", amount=9000, key="a")
    shown = operator.get(address(user)).content.decode()
    for words in (
        "Early plan by a trial",
        "9,000 of 10,000",
        "Trial extended by 2 days",
        "asked for",
        "Ledger #3: free to early",
        "Ledger #2: mid to free",
    ):
        assert words in shown


def test_accounts_are_found_by_plan_source_and_what_needs_attention(
    operator: Client, boss: User, make_user: MakeUser, give: MakeGrant
) -> None:
    mid, trial, later, near, claimed = (make_user() for _ in range(5))
    give(mid, Tier.EARLY)
    give(mid, Tier.MID, kind="subscription")
    give(trial, Tier.EARLY, kind="trial", days=7)
    give(later, Tier.EARLY, kind="trial", days=8)
    give(later, Tier.ENTERPRISE)
    services.consume(user=near, feature="runs_month", amount=801, key="a")
    services.consume(user=claimed, feature="runs_month", amount=800, key="b")
    User.objects.filter(pk=claimed.pk).update(mailbox_kind="business")
    assert listed(operator, tier="mid") == {mid.email}
    assert listed(operator, tier="early") == {trial.email, later.email}
    assert listed(operator, tier="free") == {near.email, claimed.email, boss.email}
    assert listed(operator, tier="enterprise") == set()
    assert listed(operator, source="subscription") == {mid.email}
    assert listed(operator, attention="trial") == {trial.email}
    assert listed(operator, attention="quota") == {near.email}
    assert listed(operator, attention="business") == {claimed.email}


def test_a_list_and_a_page_cost_at_most_fifteen_queries(
    operator: Client, make_user: MakeUser, give: MakeGrant, staff: User
) -> None:
    users = [make_user() for _ in range(12)]
    for user in users:
        give(user, Tier.MID, actor=staff)
        give(user, Tier.EARLY, kind="trial", days=3)
        services.consume(user=user, feature="runs_month", amount=5, key=user.email)
        for feature in ("messages_minute", "retention_days"):
            services.override_feature(
                user=user,
                feature=feature,
                value=7,
                starts_at=timezone.now(),
                ends_at=None,
                reason="x",
                actor=staff,
            )
    assert queries(operator, reverse(LIST)) <= 15
    assert queries(operator, address(users[0])) <= 15


def test_support_looks_and_changes_nothing(make_user: MakeUser, user: User) -> None:
    support, client = make_user(), Client()
    User.objects.filter(pk=support.pk).update(is_staff=True)
    support.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(support)
    shown = client.get(address(user)).content.decode()
    assert "Effective plan" in shown
    assert "Give a plan" not in shown
    form = {"act": "grant", "kind": "manual", "tier": "mid", "reason": "mine"}
    assert client.post(address(user), form).status_code == 403
    assert not Grant.objects.exists()
    assert queries(client, address(user)) <= 15


def test_who_may_not_look_does_not(make_user: MakeUser, user: User) -> None:
    nobody, client = make_user(), Client()
    User.objects.filter(pk=nobody.pk).update(is_staff=True)
    client.force_login(nobody)
    assert client.get(address(user)).status_code == 403
    assert client.get(reverse(LIST)).status_code == 403


def test_an_account_that_is_not_there_is_not_found(operator: Client) -> None:
    page = reverse("admin:billing_account_change", args=[999_999])
    assert operator.get(page).status_code == 404
