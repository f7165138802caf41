"""What operators change of the prices."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from billing import gateway
from billing.errors import PaymentRefusal, PaymentRefused
from billing.models import Price
from billing.prices import SOLD_TIERS, Currency, Interval
from billing.tiers import Tier

if TYPE_CHECKING:
    from accounts.models import User


def set_price(
    *,
    tier: Tier,
    interval: Interval,
    amount: int,
    currency: Currency,
    provider_id: str,
    actor: "User | None",
) -> Price:
    """Sell a tier at another price from now on; who pays the old one goes on paying it.

    The provider is asked whether its price is the same, where payments are configured. A price
    that only lacked the provider's gets it. Raises PaymentRefused and ProviderFailed.
    """
    if provider_id and gateway.configured():
        same = gateway.costs(provider_id, amount=amount, currency=currency, interval=interval)
        if not same:
            raise PaymentRefused(PaymentRefusal.OTHER_PRICE)
    with transaction.atomic():
        now = timezone.now()
        rows = Price.objects.select_for_update().filter(tier=tier, interval=interval)
        current = rows.filter(valid_until=None).first() if tier in SOLD_TIERS else None
        if current is not None:
            if (current.amount, current.currency, current.provider_id) == (amount, currency, ""):
                current.provider_id, current.actor = provider_id, actor
                current.save(update_fields=["provider_id", "actor"])
                return current
            current.valid_until = now
            current.save(update_fields=["valid_until"])
        return Price.objects.create(
            tier=tier,
            interval=interval.value,
            amount=amount,
            currency=currency.value,
            provider_id=provider_id,
            valid_from=now,
            actor=actor,
        )
