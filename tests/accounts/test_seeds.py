"""The first rows of accounts: all there after migrate, and never over an operator's."""

import pytest
from django.apps.registry import Apps

from accounts import seeds
from accounts.models import DomainPolicy, ProviderTier
from accounts.policy import FIRST_DOMAIN_POLICIES, FIRST_PROVIDER_TIERS
from billing.tiers import Tier

pytestmark = pytest.mark.django_db


def test_every_provider_and_the_rule_for_business_mail_are_there_after_migrate() -> None:
    tiers = ProviderTier.objects.values_list("provider", "tier", "own_domain_only")
    assert set(tiers) == set(FIRST_PROVIDER_TIERS)
    policies = DomainPolicy.objects.values_list("domain", "recommends", "grants")
    assert set(policies) == set(FIRST_DOMAIN_POLICIES)


def test_sowing_again_leaves_what_operators_changed_and_brings_back_what_is_missing() -> None:
    ProviderTier.objects.filter(provider="github").update(tier=Tier.FREE)
    ProviderTier.objects.filter(provider="google").delete()
    DomainPolicy.objects.update(grants=True)
    seeds.sow(using="default")
    assert ProviderTier.objects.get(provider="github").tier is Tier.FREE
    assert ProviderTier.objects.get(provider="google").tier is Tier.FREE
    assert DomainPolicy.objects.get().grants


def test_before_accounts_has_tables_nothing_is_sown() -> None:
    seeds.sow(using="default", apps=Apps())
