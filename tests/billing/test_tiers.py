from itertools import combinations, product

import pytest

from billing.tiers import Tier


def test_the_values_are_the_four_names_in_order() -> None:
    assert [tier.value for tier in Tier] == ["free", "early", "mid", "enterprise"]


@pytest.mark.parametrize(("lower", "higher"), list(combinations(Tier, 2)))
def test_tiers_compare_by_rank(lower: Tier, higher: Tier) -> None:
    assert lower < higher
    assert lower <= higher
    assert higher > lower
    assert higher >= lower
    assert max(lower, higher) is higher


@pytest.mark.parametrize("tier", Tier)
def test_a_tier_is_neither_above_nor_below_itself(tier: Tier) -> None:
    assert tier <= tier
    assert tier >= tier
    assert not tier < tier
    assert not tier > tier


@pytest.mark.parametrize(("tier", "text"), list(product(Tier, ["free", "mid", "zebra"])))
def test_a_tier_is_not_compared_with_a_bare_word(tier: Tier, text: str) -> None:
    for compare in (tier.__lt__, tier.__le__, tier.__gt__, tier.__ge__):
        with pytest.raises(TypeError):
            compare(text)
