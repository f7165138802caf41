"""What operators change of the limits."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from billing.catalogue import WINDOWS
from billing.models import TierLimit
from billing.periods import Window, period_at
from billing.tiers import Tier

if TYPE_CHECKING:
    from accounts.models import User


def change_limit(*, tier: Tier, limit: str, value: int | None, actor: "User | None") -> TierLimit:
    """Make a new version of a tier's limit: a raise holds at once, a cut from the next period.

    What has no period of its own is cut from the next month. A change that was still to come is
    replaced.
    """
    now = timezone.now()
    with transaction.atomic():
        versions = TierLimit.objects.select_for_update().filter(tier=tier, limit=limit)
        current = versions.exclude(valid_until__lte=now).order_by("valid_from")[:1].get()
        versions.filter(valid_from__gt=now).delete()
        starts_at = _cut_starts(limit, now) if _is_cut(current.value, value) else now
        if starts_at <= current.valid_from or value == current.value:
            current.value, current.valid_until, current.actor = value, None, actor
            current.save()
            return current
        current.valid_until = starts_at
        current.save()
        return TierLimit.objects.create(
            tier=tier, limit=limit, value=value, valid_from=starts_at, actor=actor
        )


def _is_cut(before: int | None, after: int | None) -> bool:
    return after is not None and (before is None or after < before)


def _cut_starts(limit: str, now: datetime) -> datetime:
    ends_at = period_at(WINDOWS[limit], now).ends_at
    return ends_at or period_at(Window.MONTH, now).ends_at or now
