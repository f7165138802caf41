"""Each rule of billing that the database holds: with it a wrong row is refused, without it taken.

So whoever removes one makes this fail, and a rule that nobody broke here is missed.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pgtrigger
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import CharField, F, Model, Value
from django.utils import timezone

from accounts.models import User
from billing import services
from billing.models import (
    BulkAction,
    Customer,
    Feature,
    FeatureOverride,
    Grant,
    KnownIdentity,
    Price,
    Reservation,
    Subscription,
    TierChange,
    TierLimit,
    TrialClaim,
    TrialExtension,
    TrialPolicy,
    TrialReminder,
    UsageCounter,
    UsageWarning,
    WebhookEvent,
)
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
# A positive number is Django's word for the type of a column.
NAMES = """
SELECT conname, contype::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE relname LIKE 'billing_%' AND contype IN ('c', 'u', 'x') AND conname NOT LIKE '%_check'
UNION
SELECT index.relname, 'i' FROM pg_index
JOIN pg_class AS index ON index.oid = indexrelid JOIN pg_class AS own ON own.oid = indrelid
WHERE own.relname LIKE 'billing_%' AND indisunique AND NOT indisprimary
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION
SELECT own.relname || ':' || substring(tgname FROM 'pgtrigger_(.*)_[0-9a-f]{5}$'), 't'
FROM pg_trigger JOIN pg_class AS own ON own.oid = tgrelid
WHERE own.relname LIKE 'billing_%' AND tgname LIKE 'pgtrigger_%'
"""

Rows = Any
# Past the field, which knows the four.
PLATINUM = Value("platinum", output_field=CharField())


@dataclass(frozen=True, slots=True)
class Change:
    """Of the row by that name in the scene: new values, or another row like it with them."""

    row: str
    values: Mapping[str, object] | Callable[[Rows], Mapping[str, object]]
    another: bool = False
    # Another rule that would be first to refuse.
    past: str = ""

    def make(self, rows: Rows) -> None:
        row: Model = getattr(rows, self.row)
        values = self.values(rows) if callable(self.values) else self.values
        if not self.another:
            type(row)._base_manager.filter(pk=row.pk).update(**values)
            return
        copy = type(row)._base_manager.get(pk=row.pk)
        copy.pk = None
        for name, value in values.items():
            setattr(copy, name, value)
        copy.save(force_insert=True)


@dataclass(frozen=True, slots=True)
class Truncate:
    row: str

    def make(self, rows: Rows) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {getattr(rows, self.row)._meta.db_table}")


def like(row: str, values: Any = (), *, past: str = "") -> Change:
    return Change(row, values or {}, another=True, past=past)


def elsewhere(row: str, **values: object) -> Change:
    """Another such row, of an account that has none."""
    return Change(row, lambda rows: {"user": rows.other, **values}, another=True)


def approved(row: str, by: str, after: timedelta = DAY) -> Change:
    return Change(
        row, lambda rows: {"approved_at": F("created_at") + after, "approved_by": getattr(rows, by)}
    )


CASES: Mapping[str, Change | Truncate] = {
    "grant_kind_known": Change("manual", {"kind": "gift"}),
    "grant_tier_known": Change("manual", {"tier": PLATINUM}),
    "grant_has_period": Change("manual", {"ends_at": F("starts_at")}),
    "grant_trial_1_to_30_days": elsewhere("trial", ends_at=None),
    "grant_provider_not_enterprise": elsewhere("manual", kind="provider", tier=Tier.ENTERPRISE),
    "grant_has_reason": Change("manual", {"reason": ""}),
    "grant_by_another": Change("manual", {"actor": F("user")}),
    "grant_approval_whole": approved("manual", "third"),
    "grant_second_person": approved("pending", "staff"),
    "grant_approved_by_another": approved("pending", "user"),
    "grant_approved_in_time": approved("pending", "third", 7 * DAY),
    "grant_revocation_whole": Change("manual", {"revoke_reason": "x"}),
    "grant_trials_apart": like("trial"),
    "grant_subscriptions_apart": like("paid", {"source": ""}),
    "grant_sources_apart": like("manual"),
    "billing_grant:trial_never_shortened": Change("trial", {"ends_at": F("ends_at") - DAY}),
    "tier_change_seq": like("change", past="billing.TierChange:chain"),
    "tier_change_changes": elsewhere("change", after=Tier.FREE),
    "tier_change_tier_known": elsewhere("change", after=PLATINUM),
    "billing_tierchange:chain": elsewhere("change", seq=2),
    "billing_tierchange:append_only": Change("change", {"cause": "expired"}),
    "billing_tierchange:no_truncate": Truncate("change"),
    "usage_one_per_period": like("counter"),
    "usage_not_negative": Change("counter", {"used": -1}),
    "usage_within_limit": Change("counter", {"used": F("limit"), "reserved": 1}),
    "billing_reservation_key_key": like("reservation"),
    "reservation_of_something": Change("reservation", {"amount": 0}),
    "reservation_state": Change("reservation", {"state": "gone"}),
    "usage_warning_once": like("warning"),
    "usage_warning_percent_known": Change("warning", {"percent": 81}),
    "billing_feature_name_key": like("feature"),
    "feature_tier_known": Change("feature", {"lowest_tier": PLATINUM}),
    "tier_limit_tier_known": Change("limit", {"tier": PLATINUM}),
    "tier_limit_known": Change("limit", {"limit": "wishes"}),
    "tier_limit_value_in_range": Change("limit", {"value": -1}),
    "tier_limit_has_period": Change("limit", {"valid_until": F("valid_from")}),
    "tier_limit_versions_apart": like("limit"),
    "trial_policy_environment_known": Change("policy", {"environment": "moon"}),
    "trial_policy_1_to_30_days": Change("policy", {"days": 31}),
    "trial_policy_tier_known": Change("policy", {"fallback_tier": "enterprise"}),
    "trial_policy_organisation_has_one": Change("policy", {"trials_per_organisation": 0}),
    "trial_policy_has_period": Change("policy", {"valid_until": F("valid_from")}),
    "trial_policies_apart": like("policy"),
    "trial_claim_once": like("claim"),
    "trial_claim_kind_known": like("claim", {"kind": "guess"}),
    "trial_claim_tier_known": like("claim", {"tier": PLATINUM}),
    "trial_claim_person_has_one": like("claim", {"place": 2}),
    "billing_trialclaim:append_only": Change("claim", {"digest": "other"}),
    "billing_trialclaim:no_truncate": Truncate("claim"),
    "known_identity_once": like("identity"),
    "trial_extension_days": like("extension", {"days": 31}),
    "trial_extension_has_reason": like("extension", {"reason": ""}),
    "trial_extension_by_another": like("extension", lambda rows: {"actor": rows.user}),
    "billing_trialextension:append_only": Change("extension", {"days": 2}),
    "billing_trialextension:no_truncate": Truncate("extension"),
    "trial_reminder_once": like("reminder"),
    "trial_reminder_day_known": Change("reminder", {"days_before": 2}),
    "feature_override_value_in_range": elsewhere("override", value=-1),
    "feature_override_has_period": Change(
        "override",
        lambda rows: {"user": rows.other, "ends_at": rows.override.starts_at},
        another=True,
    ),
    "feature_override_has_reason": elsewhere("override", reason=""),
    "feature_override_by_another": Change(
        "override", lambda rows: {"user": rows.other, "actor": rows.other}, another=True
    ),
    "feature_override_end_whole": Change("override", {"end_reason": "x"}),
    "feature_override_ended_by_another": Change(
        "override", {"ended_at": F("starts_at"), "ended_by": F("user"), "end_reason": "x"}
    ),
    "feature_overrides_apart": like("override"),
    "billing_featureoverride:ended_once": Change("override", {"value": 8}),
    "billing_featureoverride:no_truncate": Truncate("override"),
    "price_tier_known": Change("price", {"tier": PLATINUM}),
    "price_interval_known": Change("price", {"interval": "week"}),
    "price_currency_known": Change("price", {"currency": "xau"}),
    "price_amount_in_range": Change("price", {"amount": 0}),
    "price_has_period": Change("price", {"valid_until": F("valid_from")}),
    "price_provider_id": like("price", {"tier": Tier.ENTERPRISE}),
    "prices_apart": like("price", {"provider_id": "price_2"}),
    "billing_customer_provider_id_key": elsewhere("customer"),
    "billing_customer_user_id_key": like("customer", {"provider_id": "cus_2"}),
    "customer_answers_were_asked_for": Change("customer", {"answered": F("asked") + 1}),
    "billing_subscription_provider_id_key": like("subscription"),
    "subscription_status_known": Change("subscription", {"status": "dreaming"}),
    "billing_webhookevent_provider_id_key": like("event"),
    "webhook_event_state": Change("event", {"state": "lost"}),
    "webhook_event_done_at": Change("event", {"state": "done"}),
    "billing_bulkaction_key_key": like("bulk"),
}


def override_of(user: User, *, actor: User) -> FeatureOverride:
    return services.override_feature(
        user=user,
        feature="runs_month",
        value=7,
        starts_at=timezone.now(),
        ends_at=None,
        reason="x",
        actor=actor,
    )


@pytest.fixture
def rows(make_user: MakeUser, give: MakeGrant) -> Rows:
    """One good row of each kind, all of one account."""
    user, other, staff, third = (make_user() for _ in range(4))
    now, mine = timezone.now(), {"user": user}
    trial = give(user, Tier.EARLY, kind="trial", days=5)
    customer = Customer.objects.create(user=user, provider_id="cus_1")
    price = Price.objects.filter(tier=Tier.EARLY).get()
    Price.objects.filter(pk=price.pk).update(provider_id="price_1")
    times = {"started_at": now, "period_starts_at": now, "period_ends_at": now + 30 * DAY}
    month = {"feature": "runs_month", "period_start": now}
    return SimpleNamespace(
        user=user,
        other=other,
        staff=staff,
        third=third,
        trial=trial,
        change=TierChange.objects.get(),
        manual=give(user, Tier.MID, source="ticket-7", actor=staff),
        pending=give(user, Tier.ENTERPRISE, actor=staff),
        paid=give(user, Tier.EARLY, kind="subscription"),
        counter=UsageCounter.objects.create(**mine, **month, limit=10),
        reservation=Reservation.objects.create(
            **mine, **month, key="a", amount=1, lapses_at=now, created_at=now
        ),
        warning=UsageWarning.objects.create(**mine, **month, percent=80, taken_until=now),
        feature=Feature.objects.earliest("pk"),
        limit=TierLimit.objects.filter(limit="runs_month").earliest("pk"),
        policy=TrialPolicy.objects.earliest("pk"),
        claim=TrialClaim.objects.create(**mine, kind="mailbox", digest="d", tier=Tier.EARLY),
        identity=KnownIdentity.objects.create(**mine, digest="d"),
        extension=TrialExtension.objects.create(**mine, grant=trial, days=1, reason="x", at=now),
        reminder=TrialReminder.objects.create(
            grant=trial, days_before=3, ends_at=now, taken_until=now
        ),
        override=override_of(user, actor=staff),
        price=price,
        customer=customer,
        subscription=Subscription.objects.create(
            customer=customer, provider_id="sub_1", status="active", price=price, **times
        ),
        event=WebhookEvent.objects.create(
            provider_id="evt_1", kind="x", customer="cus_1", created_at=now
        ),
        bulk=BulkAction.objects.create(
            key=uuid.uuid4(), title="x", reason="x", actor=staff, accounts=1
        ),
    )


def rules() -> dict[str, str]:
    """Every rule there is, with its kind."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return dict(cursor.fetchall())


@contextmanager
def without(rule: str, kind: str, table: str) -> Iterator[None]:
    """Let the database forget a rule for a block."""
    if kind == "t":
        _, _, name = rule.partition(":")
        model = next(m for m in MODELS if m._meta.db_table == table)
        with pgtrigger.ignore(f"{model._meta.label}:{name}"):
            yield
        return
    drop = f"DROP INDEX {rule}" if kind == "i" else f"ALTER TABLE {table} DROP CONSTRAINT {rule}"
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(drop)
        yield
        transaction.set_rollback(True)


MODELS = (Grant, TierChange, TrialClaim, TrialExtension, FeatureOverride)


def refused(wrong: Change | Truncate, rows: Rows) -> str:
    """What the database says; empty when it takes it. Nothing of it stays."""
    with ExitStack() as past:
        if isinstance(wrong, Change) and wrong.past:
            past.enter_context(pgtrigger.ignore(wrong.past))
        try:
            with transaction.atomic():
                wrong.make(rows)
                transaction.set_rollback(True)
        except DatabaseError as error:
            return str(error)
    return ""


def test_every_rule_is_broken_here() -> None:
    assert set(rules()) == set(CASES)


def test_each_rule_refuses_by_itself_what_it_is_for(rows: Rows) -> None:
    with connection.cursor() as cursor:
        # A table cannot be altered while the checks of these rows wait for the end.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    kinds = rules()
    for rule, wrong in CASES.items():
        table = getattr(rows, wrong.row)._meta.db_table
        told = refused(wrong, rows)
        assert told, f"{rule} refuses nothing"
        assert kinds[rule] == "t" or rule in told, f"{rule}: {told}"
        with without(rule, kinds[rule], table):
            assert refused(wrong, rows) == "", f"without {rule}"
