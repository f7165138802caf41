"""Payments: what is paid becomes a plan, whatever the provider's state goes through."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

import pytest
import time_machine
from django.db import connections
from pytest_django import Settings

from accounts import services as accounts
from accounts.models import User
from billing import services
from billing.errors import (
    GrantRefused,
    PaymentRefusal,
    PaymentRefused,
    ProviderFailed,
    UnknownPrice,
)
from billing.models import Customer, Price, Subscription, TierChange
from billing.prices import Currency, Interval
from billing.selectors import entitlements_of
from billing.services.payments import LOOK_AGAIN, PAYS_WITHIN
from billing.subscriptions import ARREARS
from billing.tiers import Tier
from tests.billing.conftest import MakeGrant, MakeUser
from tests.billing.payments import URLS, Shop
from tests.fakes.stripe_server import MONTH_S

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MONTH = timedelta(seconds=MONTH_S)


@pytest.fixture
def clock() -> object:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def paying(shop: Shop, user: User) -> tuple[User, str]:
    """An account with a subscription of early, and its name at the provider."""
    subscription = shop.buy(user, Tier.EARLY)
    shop.deliver()
    return user, subscription


def tier_of(user: User) -> Tier:
    return entitlements_of(user).tier


def test_who_pays_has_the_plan_until_the_subscription_ends(shop: Shop, user: User) -> None:
    subscription = shop.buy(user, Tier.EARLY)
    assert tier_of(user) is Tier.FREE
    shop.deliver()
    entitled = entitlements_of(user)
    assert (entitled.tier, entitled.next_change) == (Tier.EARLY, None)
    [grant] = shop.standing(user)
    assert (grant.source, grant.actor, grant.ends_at) == (f"stripe:{subscription}", None, None)
    shop.stripe.set_status(subscription, "canceled")
    shop.deliver()
    assert tier_of(user) is Tier.FREE
    causes = TierChange.objects.filter(user=user).order_by("seq").values_list("cause", flat=True)
    assert list(causes) == ["granted", "revoked"]


@pytest.mark.parametrize(
    ("status", "tier"),
    [
        ("trialing", Tier.EARLY),
        ("active", Tier.EARLY),
        ("past_due", Tier.EARLY),
        ("incomplete", Tier.FREE),
        ("incomplete_expired", Tier.FREE),
        ("unpaid", Tier.FREE),
        ("paused", Tier.FREE),
        ("canceled", Tier.FREE),
    ],
)
def test_every_status_gives_the_plan_or_does_not(
    shop: Shop, paying: tuple[User, str], status: str, tier: Tier
) -> None:
    user, subscription = paying
    shop.stripe.set_status(subscription, status)
    shop.deliver()
    assert tier_of(user) is tier
    assert Subscription.objects.get().status == status


def test_a_change_of_plan_is_one_step_in_the_ledger(shop: Shop, paying: tuple[User, str]) -> None:
    user, subscription = paying
    for tier in (Tier.MID, Tier.EARLY):
        shop.stripe.change_price(subscription, shop.prices[tier].provider_id)
        shop.deliver()
    steps = TierChange.objects.filter(user=user).order_by("seq").values_list("after", flat=True)
    assert list(steps) == [Tier.EARLY, Tier.MID, Tier.EARLY]
    assert len(shop.standing(user)) == 1


def test_cancelled_at_the_end_it_ends_by_itself_and_may_go_on_after_all(
    shop: Shop, clock: time_machine.Traveller, user: User
) -> None:
    subscription = shop.buy(user, Tier.EARLY)
    shop.stripe.cancel_at_end(subscription)
    shop.deliver()
    assert entitlements_of(user).next_change == NOW + MONTH
    shop.stripe.cancel_at_end(subscription, cancel=False)
    shop.deliver()
    assert entitlements_of(user).next_change is None
    shop.stripe.cancel_at_end(subscription)
    shop.deliver()
    clock.shift(MONTH)
    assert tier_of(user) is Tier.FREE


def test_arrears_leave_the_plan_for_days_and_a_payment_brings_it_back(
    shop: Shop, clock: time_machine.Traveller, user: User
) -> None:
    subscription = shop.buy(user, Tier.EARLY)
    clock.shift(MONTH)
    shop.stripe.renew(subscription, paid=False)
    shop.deliver()
    assert entitlements_of(user).next_change == NOW + MONTH + ARREARS
    clock.shift(ARREARS)
    assert tier_of(user) is Tier.FREE
    clock.shift(MONTH - ARREARS)
    shop.stripe.renew(subscription, paid=True)
    shop.deliver()
    assert entitlements_of(user).next_change is None
    assert tier_of(user) is Tier.EARLY


def test_money_given_back_takes_the_plan_until_somebody_pays_again(
    shop: Shop, paying: tuple[User, str]
) -> None:
    user, subscription = paying
    shop.stripe.refund(subscription)
    shop.deliver()
    assert tier_of(user) is Tier.FREE
    assert not Subscription.objects.paying().exists()
    shop.stripe.renew(subscription, paid=True)
    shop.deliver()
    assert tier_of(user) is Tier.EARLY


def test_a_trial_lies_over_what_is_paid(shop: Shop, user: User, give: MakeGrant) -> None:
    give(user, Tier.MID, kind="trial", days=14)
    shop.buy(user, Tier.EARLY)
    shop.deliver()
    entitled = entitlements_of(user)
    assert (entitled.tier, entitled.base_tier) == (Tier.MID, Tier.EARLY)


def test_nobody_pays_twice(shop: Shop, paying: tuple[User, str]) -> None:
    user, _ = paying
    for tier in (Tier.EARLY, Tier.MID):
        with pytest.raises(PaymentRefused) as refused:
            shop.checkout(user, tier)
        assert refused.value.reason is PaymentRefusal.ALREADY_PAYS


def test_what_was_paid_and_not_told_of_is_found_at_the_next_checkout(
    shop: Shop, user: User
) -> None:
    shop.buy(user, Tier.EARLY)
    with pytest.raises(PaymentRefused):
        shop.checkout(user, Tier.MID)
    assert tier_of(user) is Tier.EARLY


def test_a_page_that_is_paid_while_another_opens_leaves_no_other(shop: Shop, user: User) -> None:
    page = shop.checkout(user, Tier.EARLY).rpartition("/")[2]

    def pay(path: str) -> None:
        if path == "/v1/checkout/sessions" and page in shop.stripe.open_pages():
            shop.stripe.pay(page)

    shop.stripe.meanwhile = pay
    with pytest.raises(PaymentRefused) as refused:
        shop.checkout(user, Tier.MID)
    assert refused.value.reason is PaymentRefusal.ALREADY_PAYS
    assert shop.stripe.open_pages() == []


def test_of_all_pages_of_an_account_one_is_open(shop: Shop, user: User) -> None:
    first = shop.checkout(user, Tier.EARLY)
    assert shop.checkout(user, Tier.EARLY) == first
    assert shop.checkout(user, Tier.MID) != first
    [page] = shop.stripe.open_pages()
    shop.stripe.things[page]["status"] = "expired"
    assert shop.checkout(user, Tier.MID).rpartition("/")[2] != page
    assert len(shop.stripe.open_pages()) == 1


def test_a_page_that_was_opened_and_never_noted_blocks_no_other(shop: Shop, user: User) -> None:
    shop.checkout(user, Tier.EARLY)
    Customer.objects.update(checkouts=0)
    page = shop.checkout(user, Tier.MID)
    assert shop.stripe.open_pages() == [page.rpartition("/")[2]]


@pytest.mark.django_db(transaction=True)
def test_many_windows_at_once_open_one_page_of_one_customer(shop: Shop, user: User) -> None:
    def checkout(tier: Tier) -> None:
        try:
            with suppress(PaymentRefused):  # in another window it opens just now
                shop.checkout(user, tier)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(checkout, islice(cycle((Tier.EARLY, Tier.MID)), 8)))
    assert len(shop.stripe.open_pages()) == 1
    assert [thing["object"] for thing in shop.stripe.things.values()].count("customer") == 1


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_late_changes_nothing_that_a_newer_one_said(
    shop: Shop, user: User
) -> None:
    subscription = shop.buy(user, Tier.EARLY)
    customer = shop.customer_of(user)

    def overtake(path: str) -> None:
        """The first answer is made and not sent, and meanwhile all this happens."""
        if path != "/v1/subscriptions":
            return
        shop.stripe.meanwhile = lambda _path: None
        shop.stripe.set_status(subscription, "canceled")
        with ThreadPoolExecutor(1) as thread:
            thread.submit(read, customer).result()

    def read(customer: Customer) -> None:
        try:
            services.read_customer(customer)
        finally:
            connections.close_all()

    shop.stripe.meanwhile = overtake
    services.read_customer(customer)
    assert tier_of(user) is Tier.FREE
    assert Subscription.objects.get().status == "canceled"
    customer.refresh_from_db()
    assert (customer.asked, customer.answered) == (2, 2)


def test_a_price_without_a_row_keeps_what_there_is_and_is_told(
    shop: Shop, paying: tuple[User, str]
) -> None:
    user, subscription = paying
    shop.stripe.change_price(subscription, shop.stripe.make_price(77_00))
    with pytest.raises(UnknownPrice, match="no price row for price_"):
        services.read_customer(shop.customer_of(user))
    assert tier_of(user) is Tier.EARLY
    assert Subscription.objects.get().price is None
    assert Subscription.objects.get().told.price == ""


def test_a_subscription_that_staff_gave_is_in_the_way_and_told(
    shop: Shop, user: User, give: MakeGrant
) -> None:
    give(user, Tier.MID, kind="subscription")
    shop.buy(user, Tier.EARLY)
    with pytest.raises(GrantRefused):
        services.read_customer(shop.customer_of(user))
    assert not Subscription.objects.exists()


def test_a_provider_that_is_away_for_a_moment_is_asked_again_and_changes_nothing(
    shop: Shop, paying: tuple[User, str]
) -> None:
    user, subscription = paying
    shop.stripe.set_status(subscription, "canceled")
    shop.stripe.broken["/v1/subscriptions"] = [503, 503]
    with pytest.raises(ProviderFailed):
        services.read_customer(shop.customer_of(user))
    assert tier_of(user) is Tier.EARLY
    shop.stripe.broken["/v1/subscriptions"] = [500]
    services.read_customer(shop.customer_of(user))
    assert tier_of(user) is Tier.FREE


def test_whoever_paid_without_news_is_asked_for_within_hours(
    shop: Shop, clock: time_machine.Traveller, user: User
) -> None:
    subscription = shop.buy(user, Tier.EARLY)
    assert services.read_due_customers() == 0
    clock.shift(PAYS_WITHIN)
    assert services.read_due_customers() == 1
    assert tier_of(user) is Tier.EARLY
    shop.stripe.set_status(subscription, "canceled")
    clock.move_to(NOW + MONTH)
    assert services.read_due_customers() == 0
    clock.shift(LOOK_AGAIN)
    assert services.read_due_customers() == 1
    assert tier_of(user) is Tier.FREE
    clock.shift(MONTH)
    assert services.read_due_customers() == 0


def test_an_account_that_is_deleted_pays_no_more(shop: Shop, paying: tuple[User, str]) -> None:
    user, subscription = paying
    accounts.delete_account(user=user, reason="they asked")
    shop.stripe.broken[f"/v1/customers/{shop.customer_of(user)}"] = [500, 500]
    assert services.read_due_customers() == 0
    Customer.objects.update(due_at=NOW)
    assert services.read_due_customers() == 1
    assert shop.stripe.things[subscription]["status"] == "canceled"
    assert shop.customer_of(user).provider_id not in shop.stripe.things
    assert tier_of(user) is Tier.FREE
    shop.deliver()
    assert shop.standing(user) == []


def test_without_a_key_nothing_is_sold_and_nobody_is_asked(
    shop: Shop, paying: tuple[User, str], settings: Settings, make_user: MakeUser
) -> None:
    user, _ = paying
    settings.STRIPE_KEY = ""
    Customer.objects.update(due_at=NOW)
    asked = len(shop.stripe.asked)
    calls: list[Callable[[], object]] = [
        lambda: shop.checkout(make_user(), Tier.EARLY),
        lambda: services.open_portal(user=user, back_url="http://localhost/plan/"),
    ]
    for call in calls:
        with pytest.raises(PaymentRefused) as refused:
            call()
        assert refused.value.reason is PaymentRefusal.NOT_CONFIGURED
    assert services.read_due_customers() == services.act_on_waiting_events() == 0
    assert len(shop.stripe.asked) == asked
    assert tier_of(user) is Tier.EARLY


def test_a_new_price_is_for_new_customers_and_an_old_one_goes_on(
    shop: Shop, paying: tuple[User, str], boss: User, make_user: MakeUser
) -> None:
    user, _ = paying
    old = shop.prices[Tier.EARLY]
    dearer = services.set_price(
        tier=Tier.EARLY,
        interval=Interval.MONTH,
        amount=60_00,
        currency=Currency.USD,
        provider_id=shop.stripe.make_price(60_00),
        actor=boss,
    )
    with pytest.raises(PaymentRefused) as refused:
        services.open_checkout(user=make_user(), price=Price.objects.get(pk=old.pk), **URLS)
    assert refused.value.reason is PaymentRefusal.NOT_SOLD
    services.read_customer(shop.customer_of(user))
    assert tier_of(user) is Tier.EARLY
    assert services.open_checkout(user=make_user(), price=dearer, **URLS)


@pytest.mark.parametrize(
    "sold",
    [
        {"amount": 59_00},
        {"amount": 60_00, "currency": "eur"},
        {"amount": 60_00, "interval": "year"},
        None,
    ],
)
def test_a_price_that_the_provider_sells_for_something_else_is_refused(
    shop: Shop, sold: dict[str, object] | None
) -> None:
    name = "price_nowhere" if sold is None else shop.stripe.make_price(**sold)  # type: ignore[arg-type]
    with pytest.raises(PaymentRefused) as refused:
        services.set_price(
            tier=Tier.EARLY,
            interval=Interval.MONTH,
            amount=60_00,
            currency=Currency.USD,
            provider_id=name,
            actor=None,
        )
    assert refused.value.reason is PaymentRefusal.OTHER_PRICE
    assert Price.objects.filter(tier=Tier.EARLY).count() == 1
