"""What billing knows of a user, as it leaves Netra in an export."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from billing.models import Grant, Subscription, TierChange, UsageCounter

if TYPE_CHECKING:
    from accounts.models import User


def tables_of(user: "User") -> Mapping[str, Iterator[Mapping[str, object]]]:
    """Rows by the name of their table, read as they are asked for."""
    grants = Grant.objects.filter(user=user).values(
        "kind", "tier", "starts_at", "ends_at", "reason", "created_at", "revoked_at"
    )
    changes = TierChange.objects.filter(user=user).values("seq", "before", "after", "cause", "at")
    usage = UsageCounter.objects.filter(user=user).values("feature", "period_start", "used")
    paid = Subscription.objects.filter(customer__user=user).values(
        *("provider_id", "status", "price__tier", "price__amount", "price__currency"),
        *("started_at", "period_ends_at", "ends_at", "refunded"),
    )
    return {
        "grants": grants.order_by("pk").iterator(),
        "subscriptions": paid.order_by("pk").iterator(),
        "tier_changes": changes.order_by("seq").iterator(),
        "usage": usage.order_by("period_start", "feature").iterator(),
    }
