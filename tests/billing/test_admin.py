"""The operators' pages: what they show, what they refuse, and how many queries they cost."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.models import Grant, TierChange, TierLimit
from billing.selectors import entitlements_of
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
PAGES = (
    "grant",
    "tierlimit",
    "feature",
    "tierchange",
    "usagecounter",
    "reservation",
    "trialpolicy",
    "trialclaim",
    "trialextension",
    "trialreminder",
    "usagewarning",
)
# What only services write.
WRITTEN = (
    "tierchange",
    "usagecounter",
    "reservation",
    "tierlimit",
    "trialclaim",
    "trialextension",
    "trialreminder",
    "usagewarning",
)


def changelist(page: str) -> str:
    return reverse(f"admin:billing_{page}_changelist")


def run(operator: Client, action: str, *grants: Grant, reason: str = "", days: str = "") -> str:
    chosen = [grant.pk for grant in grants]
    form = {"action": action, "_selected_action": chosen, "reason": reason, "days": days}
    answer = operator.post(changelist("grant"), form, follow=True)
    return answer.content.decode()


def add(operator: Client, user: User, **fields: str) -> str:
    start = timezone.now()
    form = {
        "user": f"{user.pk}",
        "kind": "manual",
        "tier": "mid",
        "starts_at_0": f"{start:%Y-%m-%d}",
        "starts_at_1": f"{start:%H:%M:%S}",
        "ends_at_0": "",
        "ends_at_1": "",
        "source": "",
        "reason": "ticket 7",
    }
    answer = operator.post(reverse("admin:billing_grant_add"), form | fields, follow=True)
    return answer.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_list_is_searchable(operator: Client, user: User, give: MakeGrant, page: str) -> None:
    give(user, Tier.MID)
    services.reserve(user=user, feature="runs_month", amount=1, key="a")
    assert operator.get(changelist(page)).status_code == 200
    assert operator.get(changelist(page), {"q": user.email}).status_code == 200


@pytest.mark.parametrize("page", ["grant", "tierchange", "usagecounter", "reservation"])
def test_a_list_costs_the_same_with_many_rows(
    operator: Client, make_user: MakeUser, give: MakeGrant, staff: User, page: str
) -> None:
    def fill(accounts: int) -> None:
        for _ in range(accounts):
            user = make_user()
            give(user, Tier.MID, actor=staff)
            services.reserve(user=user, feature="runs_month", amount=1, key=user.email)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(changelist(page)).status_code == 200
        return len(captured)

    fill(1)
    queries()
    few = queries()
    fill(20)
    assert queries() <= few <= 15


def test_an_operator_grants_and_the_ledger_names_them(
    operator: Client, boss: User, user: User
) -> None:
    assert "was added successfully" in add(operator, user)
    given = Grant.objects.get()
    assert (given.actor, given.reason, entitlements_of(user).tier) == (boss, "ticket 7", Tier.MID)
    assert TierChange.objects.get(user=user).actor == boss


def test_the_form_says_what_is_wrong(operator: Client, boss: User, user: User) -> None:
    assert "between 1 and 30 days" in add(operator, user, kind="trial")
    assert "Nobody grants to their own account" in add(operator, boss)
    yesterday = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"
    backwards = add(operator, user, ends_at_0=yesterday, ends_at_1="00:00:00")
    assert "A grant ends after it starts" in backwards
    assert not Grant.objects.exists()


def test_the_form_knows_of_an_overlap(operator: Client, user: User, give: MakeGrant) -> None:
    give(user, Tier.EARLY, kind="subscription")
    refused = add(operator, user, kind="subscription", reason="kept in the form")
    assert "has a subscription in that time" in refused
    assert 'value="kept in the form"' in refused
    assert Grant.objects.count() == 1


def test_a_grant_is_shown_and_not_edited(operator: Client, user: User, give: MakeGrant) -> None:
    given = give(user, Tier.MID)
    page = reverse("admin:billing_grant_change", args=[given.pk])
    assert operator.get(page).status_code == 200
    assert operator.post(page, {"tier": "enterprise"}).status_code == 403


def test_revoking_wants_a_reason(operator: Client, boss: User, user: User, give: MakeGrant) -> None:
    given = give(user, Tier.MID)
    assert "A reason is needed" in run(operator, "revoke", given)
    assert entitlements_of(user).tier is Tier.MID
    assert "Grants revoked: 1" in run(operator, "revoke", given, reason="asked for")
    given.refresh_from_db()
    assert (given.revoked_by, given.revoke_reason) == (boss, "asked for")


def test_a_second_person_approves_enterprise(
    operator: Client, boss: User, user: User, staff: User, give: MakeGrant
) -> None:
    own, other = give(user, Tier.ENTERPRISE, actor=boss), give(user, Tier.ENTERPRISE, actor=staff)
    answer = run(operator, "approve", own, other)
    assert "A second person approves" in answer
    assert "Grants approved: 1" in answer
    assert set(Grant.objects.filter(approved_by=boss)) == {other}


@pytest.mark.parametrize("state", ["live", "pending", "to come", "over", "revoked"])
def test_grants_are_found_by_state(
    operator: Client, user: User, give: MakeGrant, state: str
) -> None:
    now = timezone.now()
    grants = {
        "live": give(user, Tier.MID),
        "pending": give(user, Tier.ENTERPRISE),
        "to come": give(user, Tier.MID, starts_at=now + timedelta(days=1)),
        "over": give(user, Tier.MID, starts_at=now - timedelta(days=2), days=1),
        "revoked": give(user, Tier.MID),
    }
    services.revoke(grant=grants["revoked"], reason="over", actor=None)
    answer = operator.get(changelist("grant"), {"state": state})
    assert list(answer.context["cl"].result_list) == [grants[state]]
    assert f'<td class="field-state">{state}</td>' in answer.content.decode()


def test_support_sees_grants_and_changes_none(
    make_user: MakeUser, user: User, give: MakeGrant
) -> None:
    given = give(user, Tier.MID)
    support = make_user()
    support.is_staff = True
    support.save()
    support.user_permissions.add(Permission.objects.get(codename="view_grant"))
    client = Client()
    client.force_login(support)
    assert client.get(changelist("grant")).status_code == 200
    assert client.get(reverse("admin:billing_grant_add")).status_code == 403
    run(client, "revoke", given, reason="mine")
    assert entitlements_of(user).tier is Tier.MID


def test_a_limit_is_edited_as_a_new_version(operator: Client, boss: User, user: User) -> None:
    row = TierLimit.objects.get(tier=Tier.FREE, limit="runs_month")
    page = reverse("admin:billing_tierlimit_change", args=[row.pk])
    answer = operator.post(page, {"value": "1500"}, follow=True).content.decode()
    assert "Free runs_month holds from" in answer
    assert entitlements_of(user).limits["runs_month"] == 1500
    old, new = TierLimit.objects.filter(tier=Tier.FREE, limit="runs_month").order_by("valid_from")
    assert (old.value, new.value, new.actor) == (1000, 1500, boss)
    assert operator.post(page, {"value": "1"}).status_code == 403


def test_a_limit_below_nothing_is_refused_in_words(operator: Client) -> None:
    row = TierLimit.objects.get(tier=Tier.FREE, limit="runs_month")
    page = reverse("admin:billing_tierlimit_change", args=[row.pk])
    assert "A limit is between 0" in operator.post(page, {"value": "-1"}).content.decode()


@pytest.mark.parametrize("page", WRITTEN)
def test_what_only_services_write_is_not_added_by_hand(operator: Client, page: str) -> None:
    assert operator.get(reverse(f"admin:billing_{page}_add")).status_code == 403


def test_a_ledger_row_is_shown_and_neither_edited_nor_deleted(
    operator: Client, user: User, give: MakeGrant
) -> None:
    give(user, Tier.MID)
    row = TierChange.objects.get()
    page = reverse("admin:billing_tierchange_change", args=[row.pk])
    assert operator.get(page).status_code == 200
    assert operator.post(page, {"after": "enterprise"}).status_code == 403
    delete = reverse("admin:billing_tierchange_delete", args=[row.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 403
