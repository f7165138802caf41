"""Payments: the way to the provider's pages, and what it tells made into a grant."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import connection
from django.utils import timezone

from billing import gateway, ledger
from billing.entitlements import GrantKind
from billing.errors import (
    GrantRefused,
    PaymentRefusal,
    PaymentRefused,
    ProviderFailed,
    UnknownPrice,
)
from billing.gateway import Checkout, CheckoutTaken
from billing.models import Customer, Grant, Price, Subscription, TierChange
from billing.refusals import grant_refusals
from billing.subscriptions import Paid, Status, Told, next_look, paid_plan

if TYPE_CHECKING:
    from accounts.models import User

logger = structlog.get_logger(__name__)

# Marks the grants that this module gives and takes; others of subscriptions are the operators'.
SOURCE = "stripe:"
REASON = "Paid by subscription"
OVER = "The subscription pays no longer"
CHANGED = "The subscription has changed"
# Whoever opened the payment page has paid by then, and if no news came the provider is asked.
PAYS_WITHIN = timedelta(hours=1)
# After a renewal that was due and not told of, or an answer that never came.
LOOK_AGAIN = timedelta(hours=1)
# Of each call of the worker, two questions each at a second or so.
CUSTOMERS_AT_ONCE = 20
# A page of another price takes the number once; then the next number is tried.
CHECKOUT_TRIES = 2

_ASK = "UPDATE billing_customer SET asked = asked + 1 WHERE id = %s RETURNING asked"


def open_checkout(*, user: "User", price: Price, paid_url: str, left_url: str) -> str:
    """The address of the provider's page on which the account may pay a price.

    Of all pages of an account one can be paid, and none while it has a subscription. Raises
    PaymentRefused and ProviderFailed.
    """
    now = timezone.now()
    if not price.sold(now):
        raise PaymentRefused(PaymentRefusal.NOT_SOLD)
    customer = _customer_of(user)
    for _ in range(CHECKOUT_TRIES):
        # Read before the pages are listed: with a later number there may be a page unseen.
        number = Customer.objects.values_list("checkouts", flat=True).get(pk=customer.pk)
        found = gateway.reuse_or_expire_checkouts(customer.provider_id, price=price.provider_id)
        # Only now can no older page be paid any more, so that what is asked here stays true.
        if any(not told.over for told in gateway.subscriptions_of(customer.provider_id)):
            read_customer(customer)
            raise PaymentRefused(PaymentRefusal.ALREADY_PAYS)
        if found is not None:
            return found
        # Before the page is there: whoever dies over it must not leave one that nobody looks at.
        Customer.objects.filter(pk=customer.pk).update(due_at=now + PAYS_WITHIN)
        try:
            page = gateway.open_checkout(
                Checkout(
                    customer=customer.provider_id,
                    price=price.provider_id,
                    number=number,
                    paid_url=paid_url,
                    left_url=left_url,
                )
            )
        except CheckoutTaken:
            _use_up(customer, number)
            continue
        _use_up(customer, number)
        return page
    raise PaymentRefused(PaymentRefusal.BUSY)


def open_portal(*, user: "User", back_url: str) -> str:
    """The address of the provider's page of invoices, cards and cancelling."""
    customer = Customer.objects.filter(user=user).first()
    if customer is None:
        raise PaymentRefused(PaymentRefusal.NOT_A_CUSTOMER)
    return gateway.open_portal(customer.provider_id, back_url=back_url)


def read_customer(customer: Customer) -> None:
    """Ask the provider how a customer stands, and let the account have what it pays for.

    In any number of processes, in any order and as often as one likes: the answer to the last
    question stands. Raises UnknownPrice once everything else is written, GrantRefused, and
    ProviderFailed, which changes nothing.
    """
    question = _ask(customer)
    if customer.closing_since is None:
        told = gateway.subscriptions_of(customer.provider_id)
    else:
        gateway.close_customer(customer.provider_id)
        told = ()
    _write(customer, question, told)


def read_due_customers() -> int:
    """Ask about whoever has news overdue, and close whose account is gone; answers for how many.

    Safe in any number of processes at once. A provider that is away ends the call.
    """
    now = timezone.now()
    if not gateway.configured():
        return 0
    due = Customer.objects.filter(due_at__lte=now).order_by("due_at").select_related("user")
    read = 0
    for customer in due[:CUSTOMERS_AT_ONCE]:
        mine = Customer.objects.filter(pk=customer.pk, due_at=customer.due_at)
        if not mine.update(due_at=now + LOOK_AGAIN):
            continue  # another process is at it
        try:
            read_customer(customer)
        except ProviderFailed as failure:
            logger.warning("the payment provider failed", problem=str(failure))
            return read
        except (UnknownPrice, GrantRefused) as problem:
            logger.warning("a payment gives no plan", customer=customer.pk, problem=str(problem))
        read += 1
    return read


def close_customer(*, user: "User") -> None:
    """Let nobody pay for an account that is gone; the worker tells the provider."""
    now = timezone.now()
    Customer.objects.filter(user=user, closing_since=None).update(closing_since=now, due_at=now)


def _customer_of(user: "User") -> Customer:
    customer = Customer.objects.filter(user=user).first()
    if customer is not None:
        return customer
    provider_id = gateway.create_customer(account=str(user.public_id), email=user.email)
    return Customer.objects.get_or_create(user=user, defaults={"provider_id": provider_id})[0]


def _use_up(customer: Customer, number: int) -> None:
    Customer.objects.filter(pk=customer.pk, checkouts=number).update(checkouts=number + 1)


def _ask(customer: Customer) -> int:
    """The number of the question, taken before it is asked."""
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [customer.pk])
        row = cursor.fetchone()
    assert row is not None  # customers are never deleted
    return int(row[0])


def _write(customer: Customer, question: int, told: Collection[Told]) -> None:
    now = timezone.now()
    known = {one.price for one in told}
    prices = {price.provider_id: price for price in Price.objects.filter(provider_id__in=known)}
    paid = paid_plan(told, {name: price.tier for name, price in prices.items()}, now)
    cause = TierChange.Cause.REVOKED if paid is None else TierChange.Cause.GRANTED
    unknown = tuple(sorted({one.price for one in told if one.pays(now)} - prices.keys()))
    look = next_look(told, now)
    due_at = None if look is None else look + LOOK_AGAIN
    with grant_refusals(), ledger.entry(user=customer.user, cause=cause, actor=None) as moment:
        older = Customer.objects.filter(pk=customer.pk, answered__lt=question)
        if not older.update(answered=question, due_at=due_at):
            return
        _copy(customer, told, prices, now)
        # Until somebody says what an unknown price buys, the account keeps what it has.
        if not unknown:
            _replace_grant(customer.user, paid, moment)
    if unknown:
        raise UnknownPrice(unknown)


def _copy(
    customer: Customer, told: Collection[Told], prices: Mapping[str, Price], now: datetime
) -> None:
    """Keep what was told for the pages; what is told no more is over."""
    Subscription.objects.bulk_create(
        [
            Subscription(
                customer=customer,
                provider_id=one.provider_id,
                status=one.status.value,
                price=prices.get(one.price),
                started_at=one.started_at,
                period_starts_at=one.period_starts_at,
                period_ends_at=one.period_ends_at,
                ends_at=one.ends_at,
                refunded=one.refunded,
                updated_at=now,
            )
            for one in told
        ],
        update_conflicts=True,
        unique_fields=["provider_id"],
        update_fields=[
            *("status", "price", "started_at", "period_starts_at", "period_ends_at"),
            *("ends_at", "refunded", "updated_at"),
        ],
    )
    gone = customer.subscriptions.going_on().exclude(
        provider_id__in=[one.provider_id for one in told]
    )
    gone.update(status=Status.CANCELED.value, ends_at=now, updated_at=now)


def _replace_grant(user: "User", paid: Paid | None, moment: datetime) -> None:
    """Let the account have one grant of a subscription that says what is paid, or none."""
    if paid is not None and paid.until is not None and paid.until <= moment:
        paid = None
    standing = Grant.objects.filter(
        user=user,
        kind=GrantKind.SUBSCRIPTION.value,
        source__startswith=SOURCE,
        revoked_at=None,
    ).exclude(ends_at__lte=moment)
    for grant in standing:
        if paid is not None and _says(grant, paid):
            return
        grant.revoked_at = max(moment, grant.starts_at)
        grant.revoke_reason = OVER if paid is None else CHANGED
        grant.save(update_fields=["revoked_at", "revoke_reason"])
    if paid is not None:
        Grant.objects.create(
            user=user,
            kind=GrantKind.SUBSCRIPTION.value,
            tier=paid.tier,
            starts_at=moment,
            ends_at=paid.until,
            source=f"{SOURCE}{paid.subscription}",
            reason=REASON,
        )


def _says(grant: Grant, paid: Paid) -> bool:
    said = (grant.source, grant.tier, grant.ends_at)
    return said == (f"{SOURCE}{paid.subscription}", paid.tier, paid.until)
