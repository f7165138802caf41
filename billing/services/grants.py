"""Evidence for tiers: given, approved, revoked, and what time has made of it."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from billing import claims, ledger
from billing.entitlements import GrantKind
from billing.errors import GrantRefusal, GrantRefused
from billing.models import Grant, LedgerHead, TierChange
from billing.refusals import grant_refusals
from billing.tiers import Tier

if TYPE_CHECKING:
    from accounts.models import User

SWEEP_ROWS_MAX = 500


def grant(
    *,
    user: "User",
    kind: str,
    tier: Tier,
    starts_at: datetime,
    ends_at: datetime | None,
    reason: str,
    actor: "User | None",
    source: str = "",
) -> Grant:
    """Give an account evidence for a tier; an enterprise grant waits for `approve_grant`.

    `actor` None is the system. Raises GrantRefused, and ValueError for an unknown kind or tier.
    """
    evidence = Grant(
        user=user,
        kind=GrantKind(kind).value,
        tier=Tier(tier),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
        actor=actor,
        source=source,
    )
    with grant_refusals(), ledger.entry(user=user, cause=TierChange.Cause.GRANTED, actor=actor):
        evidence.save()
        if evidence.kind == GrantKind.TRIAL:
            claims.remember(user)
    return evidence


def approve_grant(*, grant: Grant, actor: "User") -> None:
    """Let a pending enterprise grant count from now on; raises GrantRefused."""
    with (
        grant_refusals(),
        ledger.entry(user=grant.user, cause=TierChange.Cause.APPROVED, actor=actor) as moment,
    ):
        pending = Grant.objects.filter(pk=grant.pk, tier=Tier.ENTERPRISE, revoked_at=None)
        if not pending.filter(approved_at=None).update(approved_at=moment, approved_by=actor):
            grant.refresh_from_db()
            raise GrantRefused(_why_not_pending(grant))
    grant.refresh_from_db()


def revoke(*, grant: Grant, reason: str, actor: "User | None") -> None:
    """Let a grant count no more from now on; one revoked before stays as it was."""
    with (
        grant_refusals(),
        ledger.entry(user=grant.user, cause=TierChange.Cause.REVOKED, actor=actor) as moment,
    ):
        Grant.objects.filter(pk=grant.pk, revoked_at=None).update(
            revoked_at=max(moment, grant.starts_at),
            revoked_by=actor,
            revoke_reason=reason.strip(),
        )
    grant.refresh_from_db()


def record_expiries() -> int:
    """Write down what time has changed since anyone looked; answers for how many accounts.

    Safe in any number of processes at once. No entitlement depends on it.
    """
    due = LedgerHead.objects.filter(due_at__lte=timezone.now()).select_related("user")
    return sum(ledger.catch_up(head.user) for head in due.order_by("due_at")[:SWEEP_ROWS_MAX])


def _why_not_pending(grant: Grant) -> GrantRefusal:
    if grant.revoked_at is not None:
        return GrantRefusal.REVOKED
    if grant.approved_at is not None:
        return GrantRefusal.ALREADY_APPROVED
    return GrantRefusal.NO_APPROVAL_NEEDED
