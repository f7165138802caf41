"""The first rows: all there after migrate, and never over an operator's."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.apps.registry import Apps
from django.db import connections

from billing import seeds, services
from billing.catalogue import FIRST_FEATURES, FIRST_LIMITS
from billing.models import Feature, TierLimit, TrialPolicy
from billing.tiers import Tier
from billing.trials import FIRST_POLICIES, TrialTerms

pytestmark = pytest.mark.django_db


def test_every_limit_and_feature_is_there_after_migrate() -> None:
    limits = {(row.tier, row.limit): row.value for row in TierLimit.objects.all()}
    assert limits == {
        (tier, limit): values[tier.rank] for limit, values in FIRST_LIMITS.items() for tier in Tier
    }
    assert dict(Feature.objects.values_list("name", "lowest_tier")) == FIRST_FEATURES


def test_every_rule_of_trials_is_there_after_migrate() -> None:
    rules = TrialPolicy.objects.values_list("environment", "mailbox_kind", "days")
    assert sorted(rules) == sorted(
        (one.environment, one.mailbox_kind, one.days) for one in FIRST_POLICIES
    )
    assert {rule.fallback_tier for rule in TrialPolicy.objects.all()} == {"early"}


def test_sowing_again_leaves_rules_that_operators_changed() -> None:
    terms = TrialTerms(
        days=3, fallback_tier=None, starts_by_itself=False, trials_per_organisation=4
    )
    services.set_trial_policy(environment="test", mailbox_kind="", terms=terms, actor=None)
    TrialPolicy.objects.filter(environment="production").delete()
    seeds.sow(using="default")
    versions = TrialPolicy.objects.filter(environment="test", mailbox_kind="")
    assert [version.days for version in versions.order_by("valid_from")] == [14, 3]
    assert TrialPolicy.objects.filter(environment="production").count() == 2


def test_sowing_again_leaves_what_operators_changed() -> None:
    services.change_limit(tier=Tier.FREE, limit="runs_month", value=2000, actor=None)
    services.change_limit(tier=Tier.FREE, limit="concurrent_connections", value=1, actor=None)
    Feature.objects.filter(name="api_access").update(lowest_tier=Tier.MID)
    before = sorted(TierLimit.objects.values_list("tier", "limit", "value", "valid_from"))
    seeds.sow(using="default")
    assert sorted(TierLimit.objects.values_list("tier", "limit", "value", "valid_from")) == before
    assert Feature.objects.get(name="api_access").lowest_tier is Tier.MID


def test_what_is_missing_comes_back() -> None:
    TierLimit.objects.filter(limit="runs_month").delete()
    Feature.objects.all().delete()
    seeds.sow(using="default")
    assert TierLimit.objects.filter(limit="runs_month").count() == len(Tier)
    assert Feature.objects.count() == len(FIRST_FEATURES)


def test_before_billing_has_tables_nothing_is_sown() -> None:
    seeds.sow(using="default", apps=Apps())


@pytest.mark.django_db(transaction=True)
def test_sowing_from_several_processes_at_once_sows_once() -> None:
    TierLimit.objects.all().delete()
    TrialPolicy.objects.all().delete()

    def sow(_: int) -> None:
        try:
            seeds.sow(using="default")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(sow, range(4)))
    assert TierLimit.objects.count() == len(Tier) * len(FIRST_LIMITS)
    assert TrialPolicy.objects.count() == len(FIRST_POLICIES)
