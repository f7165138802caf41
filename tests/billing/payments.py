"""A shop as tests meet it: prices that the fake of Stripe sells, and its news delivered."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.test import Client
from pytest_django import Settings

from accounts.models import User
from billing import services
from billing.models import Customer, Grant, Price
from billing.tiers import Tier
from netra.env import Secret
from tests.fakes.stripe_server import KEY, SECRET, Stripe, Thing

URLS = {"paid_url": "http://localhost/plan/paid/", "left_url": "http://localhost/plan/"}


@dataclass(frozen=True, slots=True)
class Shop:
    """`prices` are the rows of the plans that are sold."""

    stripe: Stripe
    prices: dict[Tier, Price]

    def checkout(self, user: User, tier: Tier) -> str:
        """Where the account may pay."""
        return services.open_checkout(user=user, price=self.prices[tier], **URLS)

    def buy(self, user: User, tier: Tier) -> str:
        """Pay on the page; nobody is told of it yet. Gives the subscription."""
        return self.stripe.pay(self.checkout(user, tier).rpartition("/")[2])

    def deliver(self, events: Iterable[Thing] | None = None) -> None:
        """Send news as Stripe does, all there is by default."""
        for event in tuple(self.stripe.events if events is None else events):
            assert self.post(self.stripe.body(event)) == 200

    def post(self, body: bytes, signature: str | None = None) -> int:
        signature = self.stripe.signature(body) if signature is None else signature
        answer = Client().post(
            "/webhooks/stripe",
            body,
            content_type="application/json",
            headers={"Stripe-Signature": signature},
        )
        return answer.status_code

    def customer_of(self, user: User) -> Customer:
        return Customer.objects.get(user=user)

    def standing(self, user: User) -> list[Grant]:
        """The grants of its subscriptions that were not revoked."""
        return list(Grant.objects.filter(user=user, kind="subscription", revoked_at=None))


def shop_of(stripe: Stripe, settings: Settings) -> Shop:
    settings.STRIPE_KEY = Secret(KEY)
    settings.STRIPE_WEBHOOK_SECRETS = (Secret(SECRET), Secret(""))
    settings.STRIPE_BASE_URL = stripe.base_url
    prices = {price.tier: price for price in Price.objects.all()}
    for price in prices.values():
        price.provider_id = stripe.make_price(price.amount)
        price.save()
    return Shop(stripe, prices)
