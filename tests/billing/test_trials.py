"""The rules of trials, whole."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import TRIAL_REFUSAL_WORDS, TrialRefusal, TrialRefused
from billing.tiers import Tier
from billing.trials import (
    DAY,
    FIRST_POLICIES,
    OVER_SAID_FOR,
    REMINDER_DAYS,
    Applicant,
    TrialEnding,
    TrialEnvironment,
    TrialTerms,
    environment_of,
    organisation_of,
    reminder_due,
    trial_tier,
)
from netra.env import Environment

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def applicant(
    *,
    verified: bool = True,
    mailbox_kind: str = "consumer",
    recommended: Tier | None = None,
    base: Tier = Tier.FREE,
) -> Applicant:
    return Applicant(
        verified=verified, mailbox_kind=mailbox_kind, recommended_tier=recommended, base_tier=base
    )


def terms(*, fallback: Tier | None = Tier.EARLY) -> TrialTerms:
    return TrialTerms(
        days=14, fallback_tier=fallback, starts_by_itself=True, trials_per_organisation=None
    )


@pytest.mark.parametrize(
    ("recommended", "fallback", "base"),
    list(product((None, Tier.EARLY, Tier.MID), (None, Tier.EARLY, Tier.MID), Tier)),
)
def test_the_tier_is_the_recommended_one_or_the_fallback_above_the_base(
    recommended: Tier | None, fallback: Tier | None, base: Tier
) -> None:
    wanted = recommended or fallback
    asking = applicant(recommended=recommended, base=base)
    if wanted is not None and base < wanted:
        assert trial_tier(asking, terms(fallback=fallback)) is wanted
        return
    with pytest.raises(TrialRefused) as error:
        trial_tier(asking, terms(fallback=fallback))
    reason = TrialRefusal.NOT_OFFERED if wanted is None else TrialRefusal.BASE_TIER
    assert error.value.reason is reason


@pytest.mark.parametrize(
    ("asking", "reason"),
    [
        (applicant(verified=False), TrialRefusal.NOT_VERIFIED),
        (applicant(mailbox_kind="disposable"), TrialRefusal.DISPOSABLE_MAIL),
        (applicant(mailbox_kind="disposable", verified=False), TrialRefusal.DISPOSABLE_MAIL),
    ],
)
def test_who_gets_none(asking: Applicant, reason: TrialRefusal) -> None:
    with pytest.raises(TrialRefused) as error:
        trial_tier(asking, terms())
    assert error.value.reason is reason
    assert str(error.value) == TRIAL_REFUSAL_WORDS[reason]


def test_every_refusal_has_words() -> None:
    assert set(TRIAL_REFUSAL_WORDS) == set(TrialRefusal)


@pytest.mark.parametrize(("name", "testing"), list(product(Environment, (False, True))))
def test_each_environment_has_its_rules(name: Environment, testing: bool) -> None:
    environment = environment_of(name, testing=testing)
    days = {
        rule.mailbox_kind: rule.days for rule in FIRST_POLICIES if rule.environment is environment
    }
    short = testing and name in (Environment.TEST, Environment.STAGING)
    assert days == ({"": 7} if short else {"": 14, "business": 30})


def test_an_environment_is_named_for_operators() -> None:
    assert [word.label for word in TrialEnvironment] == [
        "development",
        "test",
        "test with NETRA_TESTING",
        "staging",
        "staging with NETRA_TESTING",
        "production",
    ]


@pytest.mark.parametrize(
    ("address", "kind", "organisation"),
    [
        ("a@acme-corp.com", "business", "acme-corp.com"),
        ("a@mail.acme-corp.com", "business", "acme-corp.com"),
        ("a@any.name.acme.co.uk", "unknown", "acme.co.uk"),
        ("a@cs.princeton.edu", "education", "princeton.edu"),
        ("a@localhost", "unknown", "localhost"),
        ("a@gmail.com", "consumer", None),
        ("a@duck.com", "relay", None),
        ("a@example.com", "reserved", None),
    ],
)
def test_an_organisation_is_the_domain_it_registered(
    address: str, kind: str, organisation: str | None
) -> None:
    assert organisation_of(address, kind) == organisation


@pytest.mark.parametrize(
    ("before_end", "due"),
    [
        (14 * DAY, None),
        (7 * DAY + TICK, None),
        (7 * DAY, 7),
        (3 * DAY + TICK, 7),
        (3 * DAY, 3),
        (DAY, 1),
        (TICK, 1),
        (timedelta(), 0),
        (-OVER_SAID_FOR + TICK, 0),
        (-OVER_SAID_FOR, None),
    ],
)
def test_the_last_reminder_that_has_come_is_due(before_end: timedelta, due: int | None) -> None:
    end = NOW + 14 * DAY
    assert reminder_due(NOW, end, end - before_end) == due


@pytest.mark.parametrize(("days", "first"), [(1, 0), (2, 1), (3, 1), (4, 3), (7, 3), (8, 7)])
def test_a_short_trial_is_not_reminded_of_at_its_start(days: int, first: int) -> None:
    end = NOW + days * DAY
    come = [reminder_due(NOW, end, NOW + hours * DAY / 24) for hours in range(days * 24 + 1)]
    assert next(due for due in come if due is not None) == first


@given(st.integers(1, 30), st.lists(st.floats(0, 40), min_size=2).map(sorted))
def test_reminders_only_ever_count_down(days: int, looks: list[float]) -> None:
    end = NOW + days * DAY
    due = [reminder_due(NOW, end, NOW + look * DAY) for look in looks]
    known = [one for one in due if one is not None]
    assert all(first >= second for first, second in pairwise(known))
    assert set(known) <= set(REMINDER_DAYS)


def ending(then: Tier) -> TrialEnding:
    return TrialEnding(tier=Tier.MID, starts_at=NOW - 7 * DAY, ends_at=NOW + 7 * DAY, then=then)


def test_the_words_say_when_and_what_follows() -> None:
    trial = ending(Tier.FREE)
    assert trial.headline(NOW) == "Your Mid trial ends in 7 days"
    assert trial.headline(NOW + TICK) == "Your Mid trial ends in 7 days"
    assert trial.headline(NOW + 6 * DAY) == "Your Mid trial ends within a day"
    assert trial.headline(NOW + 7 * DAY) == "Your Mid trial has ended"
    assert "ends on 22 June 2026, 12:00 UTC; then the account goes on with the free plan" in (
        trial.sentence(NOW)
    )
    assert "ended on 22 June 2026, 12:00 UTC" in trial.sentence(NOW + 7 * DAY)


@pytest.mark.parametrize("then", list(Tier))
def test_an_end_is_a_loss_only_to_a_lower_plan(then: Tier) -> None:
    assert ending(then).lowers() is (then < Tier.MID)
