"""What an agent may tell its user of their account."""

from django.utils import timezone

from accounts.models import User
from billing.periods import Window, period_at
from billing.selectors import entitlements_of, usage_of
from chat.agents.tools.registry import AccountFacts
from chat.usage import usage_by_model


def account_facts(user: int) -> AccountFacts:
    """Plan and usage of the user, as a tool may tell them."""
    owner = User.objects.get(pk=user)
    now = timezone.now()
    entitlements = entitlements_of(owner, at=now)
    limits = {row.feature: row for row in usage_of(owner)}
    runs = limits.get("runs_month")
    today, month = now.date(), period_at(Window.MONTH, now).starts_at.date()
    return AccountFacts(
        tier=entitlements.tier.value,
        why=entitlements.why,
        limits=dict(entitlements.limits),
        used={name: row.used for name, row in limits.items()},
        trial_ends_at=entitlements.trial.ends_at if entitlements.trial else None,
        resets_at=runs.resets_at if runs else None,
        today=usage_by_model(user, since=today, until=today),
        this_month=usage_by_model(user, since=month, until=today),
    )
