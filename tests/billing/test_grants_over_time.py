"""Grants and trials of a few people over months, against a model that fits on a page.

The model keeps spans and claims in lists and knows neither jobs nor the ledger: whatever time a
sweep ran, if ever, entitlements must be the model's, and the ledger must tell the same story.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from billing import services
from billing.errors import GrantRefusal, GrantRefused, TrialRefusal, TrialRefused
from billing.models import Grant, TierChange
from billing.selectors import entitlements_of, forget_catalogue
from billing.tiers import Tier
from billing.trials import DAY, TrialTerms

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)
FOR_EVER = datetime.max.replace(tzinfo=UTC)
LOWER = st.sampled_from([Tier.FREE, Tier.EARLY, Tier.MID])
WHO = st.integers(0, 2)
# Two people: the first two accounts are one mailbox.
SPELLINGS = ("ann", "a.nn", "bob")
PERSONS = ("ann", "ann", "bob")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What the model knows of one grant; it counts in [starts_at, stops_at)."""

    pk: int
    user: int
    kind: str
    tier: Tier
    starts_at: datetime
    stops_at: datetime
    revoked: bool = False

    def live(self, at: datetime) -> bool:
        return self.starts_at <= at < self.stops_at


class Months(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = transaction.atomic()
        self.world.__enter__()
        forget_catalogue()
        self.now = START
        self.returns = 0
        self.terms = TrialTerms(
            days=14, fallback_tier=Tier.EARLY, starts_by_itself=True, trials_per_organisation=None
        )
        self.spans: dict[int, Span] = {}
        self.claims: set[tuple[str, Tier]] = set()
        self.longest: dict[int, datetime] = {}
        self.recommended: list[Tier | None] = [None, None, None]
        self.seen: dict[tuple[int, datetime], Tier] = {}
        self.users = [self._joined(name) for name in SPELLINGS]

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.world.__exit__(None, None, None)

    def _joined(self, name: str) -> User:
        return User.objects.create_user(f"{name}@gmail.com", verified_at=self.now)

    def _done(self, act: Callable[[], object]) -> str:
        """What a step answers now: nothing, or why it was refused."""
        try:
            with time_machine.travel(self.now, tick=False):
                act()
        except (GrantRefused, TrialRefused) as refused:
            return refused.reason
        return ""

    def _of(self, who: int, kind: str | None = None) -> list[Span]:
        pk = self.users[who].pk
        return [s for s in self.spans.values() if s.user == pk and kind in (None, s.kind)]

    def _tier(self, who: int, at: datetime, *, trials: bool = True) -> Tier:
        live = [s for s in self._of(who) if s.live(at) and (trials or s.kind != "trial")]
        return max((span.tier for span in live), default=Tier.FREE)

    def _running(self, who: int) -> Span | None:
        return next((span for span in self._of(who, "trial") if span.live(self.now)), None)

    def _note(self, grant: Grant, *, who: int) -> None:
        self.spans[grant.pk] = Span(
            pk=grant.pk,
            user=self.users[who].pk,
            kind=grant.kind,
            tier=grant.tier,
            starts_at=grant.starts_at,
            stops_at=grant.ends_at or FOR_EVER,
        )
        if grant.kind == "trial":
            self.claims.add((PERSONS[who], grant.tier))

    @rule(
        who=WHO,
        kind=st.sampled_from(["manual", "provider", "compensation"]),
        tier=LOWER,
        waits=st.sampled_from([0, 0, 2]),
        days=st.none() | st.integers(1, 40),
    )
    def give(self, who: int, kind: str, tier: Tier, waits: int, days: int | None) -> None:
        assert self._given(who, kind, tier, waits=waits, days=days) == ""

    @rule(
        who=WHO,
        kind=st.sampled_from(["subscription", "trial"]),
        tier=LOWER,
        days=st.integers(1, 40),
    )
    def give_one_at_a_time(self, who: int, kind: str, tier: Tier, days: int) -> None:
        expected = ""
        if kind == "trial" and days > 30:
            expected = GrantRefusal.DAYS_OF_TRIAL
        elif any(span.live(self.now) for span in self._of(who, kind)):
            expected = GrantRefusal(f"{kind}_overlaps")
        assert self._given(who, kind, tier, waits=0, days=days) == expected

    def _given(self, who: int, kind: str, tier: Tier, *, waits: int, days: int | None) -> str:
        starts_at = self.now + waits * DAY

        def act() -> None:
            grant = services.grant(
                user=self.users[who],
                kind=kind,
                tier=tier,
                starts_at=starts_at,
                ends_at=None if days is None else starts_at + days * DAY,
                reason="x",
                actor=None,
            )
            self._note(grant, who=who)

        return self._done(act)

    @rule(who=WHO)
    def start_trial(self, who: int) -> None:
        expected = self._expected_of_start(who)
        before = set(self.spans)

        def act() -> None:
            self._note(services.start_trial(user=self.users[who]), who=who)

        assert self._done(act) == expected
        for pk in set(self.spans) - before:
            span = self.spans[pk]
            assert span.tier is (self.recommended[who] or self.terms.fallback_tier)
            assert (span.starts_at, span.stops_at) == (self.now, self.now + self.terms.length)

    def _expected_of_start(self, who: int) -> str:
        tier = self.recommended[who] or self.terms.fallback_tier
        if tier is None:
            return TrialRefusal.NOT_OFFERED
        if self._tier(who, self.now, trials=False) >= tier:
            return TrialRefusal.BASE_TIER
        if (PERSONS[who], tier) in self.claims:
            return TrialRefusal.ALREADY_USED
        return "" if self._running(who) is None else TrialRefusal.TRIAL_OVERLAPS

    @rule(who=WHO, days=st.integers(1, 20))
    def extend_trial(self, who: int, days: int) -> None:
        trial = self._running(who)
        expected = TrialRefusal.NO_TRIAL if trial is None else ""
        if trial is not None and trial.stops_at + days * DAY - trial.starts_at > 30 * DAY:
            expected = TrialRefusal.DAYS_OF_TRIAL

        def act() -> None:
            services.extend_trial(user=self.users[who], days=days, reason="x", actor=None)

        assert self._done(act) == expected
        if trial is not None and not expected:
            self.spans[trial.pk] = replace(trial, stops_at=trial.stops_at + days * DAY)

    @precondition(lambda self: self.spans)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        self._revoke(self.spans[data.draw(st.sampled_from(sorted(self.spans)))])

    def _revoke(self, span: Span) -> None:
        grant = Grant.objects.get(pk=span.pk)
        assert self._done(lambda: services.revoke(grant=grant, reason="x", actor=None)) == ""
        if not span.revoked:
            stop = max(self.now, span.starts_at)
            stops_at = min(span.stops_at, stop)
            self.spans[span.pk] = replace(span, revoked=True, stops_at=stops_at)

    @rule(days=st.integers(1, 30), fallback=st.sampled_from([None, Tier.EARLY, Tier.MID]))
    def edit_the_policy(self, days: int, fallback: Tier | None) -> None:
        terms = replace(self.terms, days=days, fallback_tier=fallback)
        # An edit a microsecond after another is none within the same frozen moment.
        self.now += 2 * TICK

        def act() -> None:
            services.set_trial_policy(environment="test", mailbox_kind="", terms=terms, actor=None)

        assert self._done(act) == ""
        self.terms = terms

    @rule(who=WHO, tier=st.sampled_from([None, Tier.EARLY, Tier.MID]))
    def recommend(self, who: int, tier: Tier | None) -> None:
        self.recommended[who] = tier
        User.objects.filter(pk=self.users[who].pk).update(recommended_tier=tier or "")

    @rule(who=WHO)
    def delete_and_return(self, who: int) -> None:
        for span in self._of(who):
            self._revoke(span)
        self.returns += 1
        gone = self.users[who]
        # What was seen of it a moment before it went is no longer so.
        self.seen.pop((gone.pk, self.now), None)
        User.objects.filter(pk=gone.pk).update(
            email=f"gone{self.returns}@deleted.invalid",
            canonical_address=f"gone{self.returns}@deleted.invalid",
            verified_at=None,
        )
        self.users[who] = self._joined(f"{PERSONS[who]}+{self.returns}")
        self.recommended[who] = None

    @rule(pause=st.sampled_from([TICK, DAY / 24, DAY, 6 * DAY, 29 * DAY, 400 * DAY]))
    def wait(self, pause: timedelta) -> None:
        self.now += pause

    @precondition(lambda self: self._boundaries())
    @rule(early=st.sampled_from([timedelta(), TICK]))
    def wait_for_a_boundary(self, early: timedelta) -> None:
        self.now = max(self.now, min(self._boundaries()) - early)

    def _boundaries(self) -> list[datetime]:
        moments = {m for span in self.spans.values() for m in (span.starts_at, span.stops_at)}
        return sorted(moment for moment in moments if self.now < moment < FOR_EVER)

    @rule()
    def sweep(self) -> None:
        assert self._done(services.record_expiries) == ""

    @invariant()
    def entitlements_are_the_models(self) -> None:
        for who, user in enumerate(self.users):
            with time_machine.travel(self.now, tick=False):
                entitled = entitlements_of(user)
            trial = self._running(who)
            assert entitled.tier is self._tier(who, self.now)
            assert entitled.base_tier is self._tier(who, self.now, trials=False)
            assert (entitled.trial and entitled.trial.ends_at) == (trial and trial.stops_at)
            self.seen[user.pk, self.now] = entitled.tier

    @invariant()
    def no_trial_is_ever_shortened(self) -> None:
        for trial in Grant.objects.filter(kind="trial"):
            assert trial.ends_at is not None
            assert DAY <= trial.ends_at - trial.starts_at <= 30 * DAY
            assert trial.ends_at >= self.longest.get(trial.pk, trial.ends_at)
            self.longest[trial.pk] = trial.ends_at

    @rule()
    def the_ledger_tells_what_was_seen(self) -> None:
        self.sweep()
        for user in {pk for pk, _ in self.seen}:
            rows = list(TierChange.objects.filter(user=user).order_by("seq"))
            assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
            assert [row.at for row in rows] == sorted(row.at for row in rows)
            for (pk, at), tier in self.seen.items():
                if pk == user:
                    told = [row.after for row in rows if row.at <= at]
                    assert (told[-1] if told else Tier.FREE) is tier


def test_the_effective_tier_is_the_models_whatever_job_ran_when() -> None:
    run_state_machine_as_test(
        Months,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
