"""One action for many accounts: bounded, each by itself, once, and told one by one."""

import asyncio
import csv
import io
import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.admin import bulk
from billing.admin.spreadsheet import safe
from billing.models import BulkAction, FeatureOverride, Grant, TrialExtension
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
LIST = "admin:billing_account_changelist"


def words(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def asked(operator: Client, action: str, users: list[User], **more: str) -> str:
    chosen = {"action": action, "_selected_action": [user.pk for user in users]}
    return words(operator.post(reverse(LIST), chosen | more, follow=True))


def sent(operator: Client, action: str, users: list[User], **fields: object) -> str:
    form = {"key": uuid.uuid4(), "chosen": [user.pk for user in users], "reason": "ticket 7"}
    address = reverse("admin:billing_account_bulk", args=[action])
    return words(operator.post(address, form | fields, follow=True))


def test_a_plan_is_given_to_many_and_a_refusal_stops_no_other(
    operator: Client, boss: User, make_user: MakeUser, give: MakeGrant
) -> None:
    users = [make_user(), boss, make_user()]
    page = asked(operator, "grant", users)
    assert "Give a plan: 3 accounts" in page
    plan = {"kind": "subscription", "tier": "mid", "days": "30"}
    shown = sent(operator, "grant", users, **plan)
    assert "<strong>2</strong>, refused 1" in shown
    assert "Nobody grants to their own account" in shown
    assert [entitlements_of(user).tier for user in users] == [Tier.MID, Tier.FREE, Tier.MID]
    assert {(one.actor, one.reason) for one in Grant.objects.all()} == {(boss, "ticket 7")}
    assert LogEntry.objects.filter(user=boss, change_message__contains="mid").count() == 2


def test_a_form_that_is_sent_twice_is_carried_out_once(
    operator: Client, make_user: MakeUser, give: MakeGrant
) -> None:
    users = [make_user(), make_user()]
    for user in users:
        give(user, Tier.EARLY, kind="trial", days=3)
    key = uuid.uuid4()
    sent(operator, "extend_trial", users, days="2", key=key)
    assert "This form was sent before" in sent(operator, "extend_trial", users, days="2", key=key)
    assert TrialExtension.objects.count() == 2
    assert BulkAction.objects.get().results is not None


def test_grants_of_a_kind_are_revoked_and_limits_overridden_for_many(
    operator: Client, make_user: MakeUser, give: MakeGrant
) -> None:
    first, second = make_user(), make_user()
    give(first, Tier.MID)
    give(first, Tier.EARLY, kind="compensation")
    shown = sent(operator, "revoke_kind", [first, second], kind="manual")
    assert "It has no such grant" in shown
    assert entitlements_of(first).tier is Tier.EARLY
    override = {"feature": "runs_month", "value": "5000", "days": ""}
    for refused in (0, 2):
        shown = sent(operator, "override", [first, second], **override)
        assert f"refused {refused}" in shown
    assert FeatureOverride.objects.count() == 2


def test_a_wrong_form_comes_back_and_changes_nothing(operator: Client, user: User) -> None:
    form = {"kind": "manual", "tier": "mid", "days": "-1", "reason": "kept in the form"}
    page = sent(operator, "grant", [user], **form)
    assert "greater than or equal to 1" in page
    assert 'value="kept in the form"' in page
    assert not Grant.objects.exists()
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        {"chosen": []},
        {"chosen": ["x", "1e9", "-1"]},
        {"key": "no key"},
    ],
)
def test_a_form_that_nobody_was_shown_is_not_found(
    operator: Client, user: User, form: dict[str, object]
) -> None:
    whole = {"key": uuid.uuid4(), "chosen": [user.pk], "reason": "x", "days": "1"} | form
    address = reverse("admin:billing_account_bulk", args=["extend_trial"])
    assert operator.post(address, whole).status_code == 404
    assert operator.get(address).status_code == 404
    assert (
        operator.post(reverse("admin:billing_account_bulk", args=["no"]), whole).status_code == 404
    )


def test_more_than_five_hundred_are_refused_with_what_to_do(operator: Client) -> None:
    User.objects.bulk_create(
        [
            User(
                email=f"many{n}@example.com",
                canonical_address=f"many{n}@example.com",
                mailbox_kind="reserved",
            )
            for n in range(bulk.ACCOUNTS_MAX)
        ]
    )
    everybody = {"select_across": "1", "index": "0"}
    page = asked(operator, "grant", list(User.objects.all()[:2]), **everybody)
    assert "501 accounts were chosen; at most 500 at a time" in page
    User.objects.filter(email="many0@example.com").update(email="gone@example.com")
    chosen = User.objects.exclude(is_superuser=True)
    assert "Extend the trial: 500 accounts" in words(
        operator.post(
            f"{reverse(LIST)}?q=example.com",
            {"action": "extend_trial", "_selected_action": [user.pk for user in chosen]},
        )
    )


def test_a_result_costs_the_same_for_many(
    operator: Client, boss: User, make_user: MakeUser
) -> None:
    def queries(accounts: int) -> int:
        users = [make_user() for _ in range(accounts)]
        sent(operator, "grant", users, kind="manual", tier="mid", days="")
        record = BulkAction.objects.latest("pk")
        page = reverse("admin:billing_bulkaction_change", args=[record.pk])
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(page).status_code == 200
        return len(captured)

    assert queries(12) <= queries(2) <= 15


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("＝1", "'＝1"),
        ("a=b", "a=b"),
        (None, ""),
        (7, "7"),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: str) -> None:
    assert safe(value) == cell


@pytest.mark.django_db(transaction=True)
def test_accounts_are_exported_as_they_are_filtered_while_the_file_is_sent(
    operator: Client, boss: User, make_user: MakeUser, give: MakeGrant
) -> None:
    mid, other = make_user(), make_user()
    User.objects.filter(pk=mid.pk).update(email="=cmd@example.com")
    give(mid, Tier.MID)
    services.consume(user=mid, feature="runs_month", amount=5, key="a")

    async def taken() -> bytes:
        client = AsyncClient()
        client.cookies = operator.cookies
        page = reverse("admin:billing_account_export")
        answer: Any = await client.get(page, {"tier": "mid"})
        assert answer["Content-Disposition"].endswith(f'{timezone.now():%Y-%m-%d}.csv"')
        return b"".join([piece async for piece in answer])

    [heading, row] = csv.reader(io.StringIO(asyncio.run(taken()).decode()))
    cells = dict(zip(heading, row, strict=True))
    assert cells["email"] == "'=cmd@example.com"
    assert (cells["plan"], cells["runs_this_month"], cells["runs_allowed"]) == ("mid", "5", "50000")
    assert other.email not in row
    assert LogEntry.objects.get(user=boss).change_message == "Exported accounts: tier=mid"
