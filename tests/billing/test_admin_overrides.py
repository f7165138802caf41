"""Exceptions on the operators' pages: made and ended with a reason, never for oneself."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.models import FeatureOverride
from billing.selectors import entitlements_of

pytestmark = pytest.mark.django_db
LIST = "admin:billing_featureoverride_changelist"


def add(operator: Client, user: User, **fields: str) -> str:
    start = timezone.now()
    form = {
        "user": f"{user.pk}",
        "feature": "runs_month",
        "value": "5000",
        "starts_at_0": f"{start:%Y-%m-%d}",
        "starts_at_1": f"{start:%H:%M:%S}",
        "ends_at_0": "",
        "ends_at_1": "",
        "reason": "ticket 7",
    }
    page = reverse("admin:billing_featureoverride_add")
    return operator.post(page, form | fields, follow=True).content.decode()


def end(operator: Client, override: FeatureOverride, reason: str) -> str:
    form = {"action": "end", "_selected_action": [override.pk], "reason": reason}
    return operator.post(reverse(LIST), form, follow=True).content.decode()


def test_an_operator_makes_one_and_ends_it(operator: Client, boss: User, user: User) -> None:
    assert "was added successfully" in add(operator, user)
    made = FeatureOverride.objects.get()
    assert (made.actor, entitlements_of(user).limits["runs_month"]) == (boss, 5000)
    assert "A reason is needed" in end(operator, made, "")
    assert "Overrides ended: 1" in end(operator, made, "asked for")
    assert entitlements_of(user).limits["runs_month"] == 1000


def test_the_form_says_what_is_wrong_and_keeps_what_was_filled_in(
    operator: Client, boss: User, user: User
) -> None:
    assert "Nobody overrides anything for their own account" in add(operator, boss)
    assert "a feature is 1 or 0" in add(operator, user, feature="sso", value="7")
    add(operator, user)
    again = add(operator, user, reason="kept in the form")
    assert "has an override of this in that time" in again
    assert 'value="kept in the form"' in again
    assert FeatureOverride.objects.count() == 1


@pytest.mark.parametrize("state", ["live", "ended", "to come", "over"])
def test_they_are_found_by_state(operator: Client, user: User, state: str) -> None:
    add(operator, user)
    shown = operator.get(reverse(LIST), {"state": state, "q": user.email}).content.decode()
    assert ("5,000 runs a month" in shown) is (state == "live")


def test_none_is_edited_or_deleted(operator: Client, user: User) -> None:
    add(operator, user)
    made = FeatureOverride.objects.get()
    for verb in ("change", "delete"):
        page = reverse(f"admin:billing_featureoverride_{verb}", args=[made.pk])
        assert operator.post(page, {"value": "9", "post": "yes"}).status_code == 403
    assert (
        operator.get(reverse("admin:billing_featureoverride_change", args=[made.pk])).status_code
        == 200
    )
