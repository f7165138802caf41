"""Who may do what in the operators' pages: every act by every role, and nobody for themselves."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Count, Max, Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import roles, seeds, services
from billing.models import (
    Feature,
    FeatureOverride,
    Grant,
    Price,
    TierLimit,
    TrialPolicy,
)
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
LOOK = {"support", "billing", "boss"}
GIVE = {"billing", "boss"}
ROLES = ("nobody", "user", "staff", "support", "billing", "boss")
REASON = {"reason": "ticket 7"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Whom it is done to, and everything there is to do it to."""

    subject: User
    mid: Grant
    trial: Grant
    pending: Grant
    override: FeatureOverride


Act = Callable[[Client, Scene], Any]


def page(name: str, *args: object) -> str:
    return reverse(f"admin:billing_{name}", args=args)


def see(name: str) -> Act:
    return lambda client, scene: client.get(page(name))


def on_account(name: str, **fields: str) -> Act:
    def act(client: Client, scene: Scene) -> Any:
        chosen = {
            "revoke": {"grant": scene.mid.pk},
            "approve": {"grant": scene.pending.pk},
            "end_override": {"override": scene.override.pk},
        }
        form = {"act": name, **REASON, **fields, **chosen.get(name, {})}
        return client.post(page("account_change", scene.subject.pk), form)

    return act


def for_many(name: str, **fields: str) -> Act:
    def act(client: Client, scene: Scene) -> Any:
        form = {"key": uuid.uuid4(), "chosen": [scene.subject.pk], **REASON, **fields}
        return client.post(page("account_bulk", name), form)

    return act


def in_list(name: str, grant: str, **fields: str) -> Act:
    def act(client: Client, scene: Scene) -> Any:
        form = {"action": name, "_selected_action": [getattr(scene, grant).pk], **REASON, **fields}
        return client.post(page("grant_changelist"), form)

    return act


def edit(model: type[Model], **fields: str) -> Act:
    def act(client: Client, scene: Scene) -> Any:
        row = model._default_manager.order_by("pk").first()
        assert row is not None
        return client.post(page(f"{model._meta.model_name}_change", row.pk), fields)

    return act


def add_by_form(client: Client, scene: Scene) -> Any:
    start = timezone.now()
    form = {"user": scene.subject.pk, "kind": "manual", "tier": "early", **REASON}
    moment = {"starts_at_0": f"{start:%Y-%m-%d}", "starts_at_1": f"{start:%H:%M:%S}"}
    return client.post(page("grant_add"), form | moment)


def set_price(client: Client, scene: Scene) -> Any:
    price = {"tier": "mid", "interval": "year", "amount": "90000", "currency": "usd"}
    return client.post(page("price_add"), price)


PLAN = {"kind": "manual", "tier": "mid", "days": "3"}
VALUE = {"feature": "runs_month", "value": "5", "days": ""}
# Each changes something, or shows something, for exactly these.
ACTS: Mapping[str, tuple[Act, set[str]]] = {
    "see the accounts": (see("account_changelist"), LOOK),
    "see the grants": (see("grant_changelist"), LOOK),
    "see the ledger": (see("tierchange_changelist"), LOOK),
    "see the limits": (see("tierlimit_changelist"), LOOK),
    "see the prices": (see("price_changelist"), LOOK),
    "see the subscriptions": (see("subscription_changelist"), LOOK),
    "see the provider's news": (see("webhookevent_changelist"), LOOK),
    "see the bulk actions": (see("bulkaction_changelist"), LOOK),
    "see the dashboard": (see("dashboard_changelist"), GIVE),
    "export the accounts": (see("account_export"), GIVE),
    "give a plan": (on_account("grant", **PLAN), GIVE),
    "approve": (on_account("approve"), GIVE),
    "revoke": (on_account("revoke"), GIVE),
    "extend the trial": (on_account("extend_trial", days="2"), LOOK),
    "end the trial": (on_account("end_trial"), GIVE),
    "override": (on_account("override", **VALUE), GIVE),
    "end an override": (on_account("end_override"), GIVE),
    "give many a plan": (for_many("grant", **PLAN), GIVE),
    "revoke many": (for_many("revoke_kind", kind="manual"), GIVE),
    "extend many trials": (for_many("extend_trial", days="2"), LOOK),
    "override for many": (for_many("override", **VALUE), GIVE),
    "add a grant": (add_by_form, GIVE),
    "approve in the list": (in_list("approve", "pending"), GIVE),
    "revoke in the list": (in_list("revoke", "mid"), GIVE),
    "extend in the list": (in_list("extend", "trial", days="2"), LOOK),
    "edit a limit": (edit(TierLimit, value="7"), {"boss"}),
    "edit a feature": (edit(Feature, lowest_tier="mid"), {"boss"}),
    "edit a rule of trials": (edit(TrialPolicy, days="9"), {"boss"}),
    "set a price": (set_price, {"boss"}),
}


@pytest.fixture
def scene(user: User, staff: User, give: MakeGrant) -> Scene:
    return prepared(user, staff, give)


def prepared(subject: User, staff: User, give: MakeGrant) -> Scene:
    override = services.override_feature(
        user=subject,
        feature="messages_minute",
        value=7,
        starts_at=timezone.now(),
        ends_at=None,
        reason="x",
        actor=staff,
    )
    return Scene(
        subject=subject,
        mid=give(subject, Tier.MID, actor=staff),
        trial=give(subject, Tier.EARLY, kind="trial", days=3),
        pending=give(subject, Tier.ENTERPRISE, actor=staff),
        override=override,
    )


def as_role(role: str) -> Client:
    client = Client()
    if role == "nobody":
        return client
    person = User.objects.create_user(f"{role}@example.com", is_staff=role != "user")
    if role == "boss":
        User.objects.filter(pk=person.pk).update(is_superuser=True)
    if role in roles.ROLES:
        person.groups.add(Group.objects.get(name=role))
    client.force_login(User.objects.get(pk=person.pk))
    return client


def facts() -> object:
    """Everything that an act could have changed."""
    grants = Grant.objects.aggregate(
        Count("pk"), Count("revoked_at"), Count("approved_at"), Max("ends_at")
    )
    overrides = FeatureOverride.objects.aggregate(Count("pk"), Count("ended_at"))
    rows = [
        list(model._default_manager.order_by("pk").values_list())
        for model in (TierLimit, Feature, TrialPolicy, Price)
    ]
    return grants, overrides, rows


def took_place(act: Act, client: Client, scene: Scene) -> bool:
    """Did it show or change anything? Nothing of it stays."""
    with transaction.atomic():
        before = facts()
        answer = act(client, scene)
        shown = answer.request["REQUEST_METHOD"] == "GET" and answer.status_code == 200
        changed = facts() != before
        transaction.set_rollback(True)
    return shown or changed


@pytest.mark.parametrize("role", ROLES)
def test_each_role_does_what_is_its_own_and_nothing_else(scene: Scene, role: str) -> None:
    client = as_role(role)
    done = {name for name, (act, _) in ACTS.items() if took_place(act, client, scene)}
    assert done == {name for name, (_, who) in ACTS.items() if role in who}


@pytest.mark.parametrize("role", ["billing", "boss"])
def test_nobody_gives_anything_to_themselves(
    make_user: MakeUser, give: MakeGrant, role: str
) -> None:
    client = as_role(role)
    own = prepared(User.objects.get(email=f"{role}@example.com"), make_user(), give)
    giving = {
        *("give a plan", "approve", "extend the trial", "override", "end an override"),
        *("give many a plan", "extend many trials", "override for many", "add a grant"),
        *("approve in the list", "extend in the list"),
    }
    done = {name for name, (act, _) in ACTS.items() if took_place(act, client, own)}
    assert not done & giving


def test_an_enterprise_grant_wants_a_second_person_within_seven_days(
    scene: Scene, make_user: MakeUser, give: MakeGrant
) -> None:
    first, second = as_role("billing"), make_user()
    User.objects.filter(pk=second.pk).update(is_staff=True)
    second.groups.add(Group.objects.get(name="billing"))
    other = Client()
    other.force_login(User.objects.get(pk=second.pk))
    on_account("grant", kind="manual", tier="enterprise", days="")(first, scene)
    own = Grant.objects.get(actor__email="billing@example.com")
    of_own = {"act": "approve", "grant": own.pk}
    address = page("account_change", scene.subject.pk)
    assert b"A second person approves" in first.post(address, of_own).content
    assert other.post(address, of_own).status_code == 302
    own.refresh_from_db()
    assert own.approved_by == second
    Grant.objects.filter(pk=scene.pending.pk).update(created_at=timezone.now() - timedelta(days=7))
    shown = other.get(in_list("approve", "pending")(other, scene).url).content
    assert b"approved within 7 days" in shown
    assert b"lapsed" in shown


def test_the_groups_come_back_whole_and_keep_what_they_were_given_besides(db: None) -> None:
    support = Group.objects.get(name=roles.SUPPORT)
    more = Permission.objects.get(codename="add_grant")
    support.permissions.clear()
    support.permissions.add(more)
    Group.objects.get(name=roles.BILLING).delete()
    seeds.sow(using="default")
    for name, theirs in roles.ROLES.items():
        had = Permission.objects.filter(group__name=name).values_list(
            "content_type__app_label", "codename"
        )
        assert set(theirs) <= {f"{app}.{codename}" for app, codename in had}
    assert more in support.permissions.all()
