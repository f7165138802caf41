"""The one writer of the ledger: what changed an account's effective tier, in order, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog
from django.db import connection, transaction
from django.utils import timezone

from billing.entitlements import GrantSpan, boundaries, effective_tier, tier_steps
from billing.models import Grant, LedgerHead, TierChange
from billing.selectors import spans_of
from billing.signals import entitlements_changed
from billing.tiers import Tier
from netra.ids import UserID

if TYPE_CHECKING:
    from accounts.models import User

_HOLD = "SELECT id FROM accounts_user WHERE id = %s FOR KEY SHARE"


@contextmanager
def entry(*, user: "User", cause: TierChange.Cause, actor: "User | None") -> Iterator[datetime]:
    """Lock the account, write what time has changed, run the block, write what the block changed.

    Gives the moment of the change: later than every row there is, whatever a clock says.
    """
    with transaction.atomic():
        head = _locked_head(user)
        moment = max(timezone.now(), head.replayed_until)
        _replay(head, until=moment)
        yield moment
        spans = spans_of(head.user_id, since=moment).grants
        _append(head, after=effective_tier(spans, moment), cause=cause, actor=actor, at=moment)
        _save(head, spans, moment)
        transaction.on_commit(partial(_announce, user), robust=True)


@contextmanager
def exception(*, user: "User") -> Iterator[datetime]:
    """Lock the account and run the block, which changes what its tier does not decide.

    Gives the moment of the change. Its rows are their own ledger.
    """
    with transaction.atomic():
        _locked_head(user)
        yield timezone.now()
        transaction.on_commit(partial(_announce, user), robust=True)


@contextmanager
def alone_with(user: "User") -> Iterator[None]:
    """Lock the account against every change of its grants, without making one."""
    with transaction.atomic():
        _locked_head(user)
        yield


def catch_up(user: "User") -> bool:
    """Write what time has changed in one account; False when another process is at it."""
    with transaction.atomic():
        _hold(user)
        head = LedgerHead.objects.select_for_update(skip_locked=True).filter(user=user).first()
        if head is None:
            return False
        moment = max(timezone.now(), head.replayed_until)
        _replay(head, until=moment)
        _save(head, spans_of(head.user_id, since=moment).grants, moment)
        transaction.on_commit(partial(_announce, user), robust=True)
    return True


def _locked_head(user: "User") -> LedgerHead:
    _hold(user)
    LedgerHead.objects.get_or_create(user=user, defaults={"replayed_until": timezone.now()})
    return LedgerHead.objects.select_for_update().get(user=user)


def _hold(user: "User") -> None:
    """Lock the account's row as a new row that refers to it will.

    Before the head: a transaction that changes the user, and then a grant, has locked them in this
    order, and one that held the head first would wait for it in a circle.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [user.pk])


def _replay(head: LedgerHead, *, until: datetime) -> None:
    spans = spans_of(head.user_id, since=head.replayed_until).grants
    for step in tier_steps(spans, head.replayed_until, until):
        rose = step.tier > _last_tier(head)
        cause = TierChange.Cause.STARTED if rose else TierChange.Cause.EXPIRED
        _append(head, after=step.tier, cause=cause, actor=None, at=step.at)


def _append(
    head: LedgerHead,
    *,
    after: Tier,
    cause: TierChange.Cause,
    actor: "User | None",
    at: datetime,
) -> None:
    before = _last_tier(head)
    if before is after:
        return
    head.seq += 1
    TierChange.objects.create(
        user=head.user,
        seq=head.seq,
        before=before,
        after=after,
        cause=cause,
        actor=actor,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        at=at,
    )


def _last_tier(head: LedgerHead) -> Tier:
    last = TierChange.objects.filter(user=head.user_id).order_by("-seq").first()
    return Tier.FREE if last is None else last.after


def _save(head: LedgerHead, spans: list[GrantSpan], moment: datetime) -> None:
    head.replayed_until = moment
    head.due_at = next((at for at in boundaries(spans) if at > moment), None)
    head.save()


def _announce(user: "User") -> None:
    entitlements_changed.send(sender=Grant, user_id=UserID(user.public_id))
