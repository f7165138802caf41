"""Trials: started by rule, extended by staff, and the rules themselves."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from billing import claims, ledger
from billing.entitlements import GrantKind
from billing.errors import TrialRefusal, TrialRefused
from billing.models import Grant, TierChange, TrialExtension, TrialPolicy
from billing.refusals import trial_refusals
from billing.selectors import entitlements_of, trial_policy_for
from billing.tiers import Tier
from billing.trials import Applicant, TrialTerms, trial_tier

if TYPE_CHECKING:
    from accounts.models import User

REASON = "Trial by the rules"
# Whoever came by themselves; who was made by staff or imported gets what staff give.
SIGNED_UP = ("sign_up", "provider")


def start_trial(*, user: "User") -> Grant:
    """Start the trial that the policies give now; raises TrialRefused.

    Of any number of calls at once for one person exactly one returns.
    """
    with (
        trial_refusals(),
        ledger.entry(user=user, cause=TierChange.Cause.GRANTED, actor=None) as moment,
    ):
        return _start(_as_stored(user), moment)


def start_trial_of_verified(*, user: "User") -> Grant | None:
    """Once an address is proven: start the trial where the policies say so; None where not.

    Whoever had a trial before is from now on known by the new address, too. To be called after
    every grant of the sign-up is given, since nobody gets a trial of what they have.
    """
    with ledger.alone_with(user):
        stored = _as_stored(user)
        claims.remember(stored)
    policy = trial_policy_for(stored, at=timezone.now())
    if stored.joined_by not in SIGNED_UP or policy is None or not policy.starts_by_itself:
        return None
    try:
        return start_trial(user=stored)
    except TrialRefused:
        return None


def remember_identity(*, user: "User", issuer: str, subject: str) -> None:
    """Know the account by an identity, so that whoever returns with it has had their trial.

    To be called whenever one is linked, before `start_trial_of_verified`.
    """
    with ledger.alone_with(user):
        claims.add_identity(_as_stored(user), f"{issuer} {subject}")


def extend_trial(*, user: "User", days: int, reason: str, actor: "User | None") -> Grant:
    """Let the running trial end so many days of 24 h later, up to 30 days in all.

    Raises TrialRefused, and ValueError when `days` is no whole number.
    """
    if type(days) is not int:
        raise ValueError("days must be a whole number")
    if days < 1:
        raise TrialRefused(TrialRefusal.DAYS_OF_TRIAL)
    with (
        trial_refusals(),
        ledger.entry(user=user, cause=TierChange.Cause.GRANTED, actor=actor) as moment,
    ):
        trial = _running_trial(user, moment)
        TrialExtension.objects.create(
            grant=trial, user=user, days=days, reason=reason.strip(), actor=actor, at=moment
        )
        assert trial.ends_at is not None  # the database holds that a trial ends
        trial.ends_at += timedelta(days=days)
        trial.save(update_fields=["ends_at"])
    return trial


@transaction.atomic
def set_trial_policy(
    *, environment: str, mailbox_kind: str, terms: TrialTerms, actor: "User | None"
) -> TrialPolicy:
    """Make a rule, or a new version of one, for trials that start from now on; no other changes."""
    starts_at = timezone.now()
    current = (
        TrialPolicy.objects.select_for_update()
        .filter(environment=environment, mailbox_kind=mailbox_kind, valid_until=None)
        .first()
    )
    if current is not None:
        if current.terms == terms:
            return current
        # Another machine's clock may be ahead of ours.
        starts_at = max(starts_at, current.valid_from + timedelta(microseconds=1))
        current.valid_until = starts_at
        current.save(update_fields=["valid_until"])
    return TrialPolicy.objects.create(
        environment=environment,
        mailbox_kind=mailbox_kind,
        valid_from=starts_at,
        actor=actor,
        **_columns(terms),
    )


def _start(user: "User", moment: datetime) -> Grant:
    policy = trial_policy_for(user, at=moment)
    if policy is None:
        raise TrialRefused(TrialRefusal.NOT_OFFERED)
    terms = policy.terms
    tier = trial_tier(_applicant(user, moment), terms)
    if _has_had(user, tier):
        raise TrialRefused(TrialRefusal.ALREADY_USED)
    claims.claim(user, tier, at=moment)
    claims.claim_place(user, tier, places=terms.trials_per_organisation, at=moment)
    return Grant.objects.create(
        user=user,
        kind=GrantKind.TRIAL.value,
        tier=tier,
        starts_at=moment,
        ends_at=moment + terms.length,
        reason=REASON,
        policy_snapshot={"policy": policy.pk, **_columns(terms)},
    )


def _applicant(user: "User", moment: datetime) -> Applicant:
    return Applicant(
        verified=user.verified_at is not None,
        mailbox_kind=user.mailbox_kind,
        recommended_tier=Tier(user.recommended_tier) if user.recommended_tier else None,
        base_tier=entitlements_of(user, at=moment).base_tier,
    )


def _has_had(user: "User", tier: Tier) -> bool:
    return Grant.objects.filter(user=user, kind=GrantKind.TRIAL, tier=tier).exists()


def _running_trial(user: "User", moment: datetime) -> Grant:
    trial = Grant.objects.filter(
        user=user,
        kind=GrantKind.TRIAL,
        revoked_at=None,
        starts_at__lte=moment,
        ends_at__gt=moment,
    ).first()
    if trial is None:
        raise TrialRefused(TrialRefusal.NO_TRIAL)
    return trial


def _as_stored(user: "User") -> "User":
    """The row as it is now, whatever the caller's copy says."""
    return get_user_model()._default_manager.get(pk=user.pk)


def _columns(terms: TrialTerms) -> dict[str, int | str | None]:
    return {
        "days": terms.days,
        "fallback_tier": terms.fallback_tier or "",
        "starts_by_itself": terms.starts_by_itself,
        "trials_per_organisation": terms.trials_per_organisation,
    }
