from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.catalogue import Catalogue, LimitVersion
from billing.entitlements import (
    GrantKind,
    GrantSpan,
    Trial,
    effective_tier,
    entitlements,
    tier_steps,
)
from billing.tiers import Tier
from tests.billing.test_catalogue import first_catalogue

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
CATALOGUE = first_catalogue()
# Few moments, so that starts and ends often meet.
MOMENTS = st.integers(-6, 6).map(lambda hours: NOW + timedelta(hours=hours))


@st.composite
def spans(draw: st.DrawFn) -> GrantSpan:
    start = draw(MOMENTS)
    length = draw(st.none() | st.integers(0, 8))
    return GrantSpan(
        kind=draw(st.sampled_from(GrantKind)),
        tier=draw(st.sampled_from(Tier)),
        starts_at=start,
        ends_at=None if length is None else start + timedelta(hours=length),
    )


GRANTS = st.lists(spans(), max_size=6)


def span(
    kind: GrantKind, tier: Tier, *, starts_at: datetime = NOW, days: float | None = None
) -> GrantSpan:
    ends_at = None if days is None else starts_at + timedelta(days=days)
    return GrantSpan(kind=kind, tier=tier, starts_at=starts_at, ends_at=ends_at)


def test_no_grant_is_free() -> None:
    answer = entitlements([], CATALOGUE, NOW)
    assert (answer.tier, answer.base_tier, answer.trial) == (Tier.FREE, Tier.FREE, None)
    assert answer.limits["runs_month"] == 1000
    assert answer.features == {"basic_chat"}
    assert answer.why == "Free plan: nothing on this account grants a higher one."
    assert answer.next_change is None


@pytest.mark.parametrize(("kind", "tier"), list(product(GrantKind, Tier)))
def test_one_live_grant_of_any_kind_decides_alone(kind: GrantKind, tier: Tier) -> None:
    answer = entitlements([span(kind, tier)], CATALOGUE, NOW)
    assert answer.tier is tier
    assert answer.base_tier is (Tier.FREE if kind is GrantKind.TRIAL else tier)
    assert answer.limits == CATALOGUE.limits_of(tier, NOW)
    assert answer.features == CATALOGUE.features_of(tier)


def test_a_period_has_its_start_and_not_its_end() -> None:
    grant = span(GrantKind.MANUAL, Tier.MID, days=1)
    end = NOW + timedelta(days=1)
    assert effective_tier([grant], NOW - TICK) is Tier.FREE
    assert effective_tier([grant], NOW) is Tier.MID
    assert effective_tier([grant], end - TICK) is Tier.MID
    assert effective_tier([grant], end) is Tier.FREE


@given(GRANTS, st.randoms(), MOMENTS)
def test_the_order_of_grants_does_not_matter(
    grants: list[GrantSpan], random: Random, at: datetime
) -> None:
    shuffled = random.sample(grants, len(grants))
    assert entitlements(grants, CATALOGUE, at) == entitlements(shuffled, CATALOGUE, at)


@given(GRANTS, spans(), MOMENTS)
def test_one_more_grant_never_lowers_anything(
    grants: list[GrantSpan], more: GrantSpan, at: datetime
) -> None:
    before = entitlements(grants, CATALOGUE, at)
    after = entitlements([*grants, more], CATALOGUE, at)
    assert after.tier >= before.tier
    assert after.base_tier >= before.base_tier
    assert after.features >= before.features


@given(GRANTS, MOMENTS)
def test_the_tier_is_never_below_the_base_and_the_trial_explains_the_rest(
    grants: list[GrantSpan], at: datetime
) -> None:
    answer = entitlements(grants, CATALOGUE, at)
    trial = Tier.FREE if answer.trial is None else answer.trial.tier
    assert answer.tier is max(answer.base_tier, trial)


@given(GRANTS, MOMENTS)
def test_nothing_differs_before_the_next_change_and_something_does_at_it(
    grants: list[GrantSpan], at: datetime
) -> None:
    now = entitlements(grants, CATALOGUE, at)
    if now.next_change is None:
        later = entitlements(grants, CATALOGUE, at + timedelta(days=365))
        assert _visible(later) == _visible(now)
        return
    just_before = entitlements(grants, CATALOGUE, now.next_change - TICK)
    assert _visible(just_before) == _visible(now)
    assert just_before.next_change == now.next_change
    assert _visible(entitlements(grants, CATALOGUE, now.next_change)) != _visible(now)


def _visible(answer: object) -> tuple[object, ...]:
    return tuple(getattr(answer, name) for name in ("tier", "base_tier", "trial", "limits"))


@given(GRANTS, MOMENTS, MOMENTS, MOMENTS)
def test_steps_do_not_depend_on_when_anyone_looked(
    grants: list[GrantSpan], one: datetime, two: datetime, three: datetime
) -> None:
    first, middle, last = sorted([one, two, three])
    once = list(tier_steps(grants, first, last))
    twice = [*tier_steps(grants, first, middle), *tier_steps(grants, middle, last)]
    assert once == twice
    tier = once[-1].tier if once else effective_tier(grants, first)
    assert tier is effective_tier(grants, last)


def test_a_trial_over_a_paid_tier_falls_back_to_it() -> None:
    paid = span(GrantKind.SUBSCRIPTION, Tier.EARLY)
    trial = span(GrantKind.TRIAL, Tier.MID, days=14)
    during = entitlements([paid, trial], CATALOGUE, NOW)
    assert (during.tier, during.base_tier) == (Tier.MID, Tier.EARLY)
    assert during.trial == Trial(tier=Tier.MID, starts_at=NOW, ends_at=trial.ends_at)
    assert during.next_change == trial.ends_at
    assert during.why == "Mid plan by a trial until 29 June 2026, 12:00 UTC, then the early plan."
    assert entitlements([paid, trial], CATALOGUE, NOW + timedelta(days=14)).tier is Tier.EARLY


def test_a_paid_tier_explains_an_equal_trial_away() -> None:
    paid = span(GrantKind.SUBSCRIPTION, Tier.MID)
    trial = span(GrantKind.TRIAL, Tier.MID, days=14)
    assert entitlements([trial, paid], CATALOGUE, NOW).why == "Mid plan by your subscription."


def test_a_grant_that_another_of_its_tier_outlasts_is_said_to_go_on() -> None:
    first = span(GrantKind.MANUAL, Tier.MID, days=2)
    second = span(GrantKind.MANUAL, Tier.MID, starts_at=NOW + timedelta(days=1), days=4)
    assert entitlements([first, second], CATALOGUE, NOW).why.endswith("UTC, which goes on.")


def test_a_grant_still_to_come_is_the_next_change() -> None:
    tomorrow = NOW + timedelta(days=1)
    answer = entitlements([span(GrantKind.MANUAL, Tier.MID, starts_at=tomorrow)], CATALOGUE, NOW)
    assert (answer.tier, answer.next_change) == (Tier.FREE, tomorrow)


def test_a_limit_that_will_be_cut_is_a_change_to_come() -> None:
    old = next(v for v in CATALOGUE.versions if v.limit == "runs_month" and v.tier is Tier.FREE)
    july = datetime(2026, 7, 1, tzinfo=UTC)
    cut = LimitVersion(
        tier=Tier.FREE, limit="runs_month", value=500, valid_from=july, valid_until=None
    )
    others = tuple(version for version in CATALOGUE.versions if version != old)
    catalogue = Catalogue(
        versions=(*others, replace(old, valid_until=july), cut), features=CATALOGUE.features
    )
    assert entitlements([], catalogue, NOW).limits["runs_month"] == 1000
    assert entitlements([], catalogue, NOW).next_change == july
    assert entitlements([], catalogue, july).limits["runs_month"] == 500


def test_an_answer_cannot_be_changed() -> None:
    answer = entitlements([], CATALOGUE, NOW)
    with pytest.raises(AttributeError):
        answer.tier = Tier.ENTERPRISE  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        answer.limits["runs_month"] = None  # type: ignore[index]  # likewise


def test_a_trial_that_ended_explains_the_free_plan() -> None:
    first = span(GrantKind.TRIAL, Tier.EARLY, days=7)
    second = span(GrantKind.TRIAL, Tier.MID, starts_at=NOW + timedelta(days=7), days=7)
    end = NOW + timedelta(days=14)
    assert entitlements([second, first], CATALOGUE, end).why == (
        "Free plan: your Mid trial ended on 29 June 2026, 12:00 UTC;"
        " all that was written stays readable."
    )
    assert "trial" in entitlements([second, first], CATALOGUE, end - TICK).why
    paid = span(GrantKind.SUBSCRIPTION, Tier.EARLY)
    assert "trial" not in entitlements([second, first, paid], CATALOGUE, end).why
