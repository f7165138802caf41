"""The only speaker to the payment provider, which is Stripe: its words end here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
import stripe
from django.conf import settings
from django.db import connection

from billing.errors import (
    PaymentRefusal,
    PaymentRefused,
    ProviderFailed,
    WebhookRefused,
)
from billing.subscriptions import PAYING, Status, Told

# Of each call: to connect, and between two bytes of the answer. People wait for some of them.
CONNECT_S: Final = 3.0
ANSWER_S: Final = 5.0
# With its idempotency key a call that is repeated does what it did.
RETRIES_MAX: Final = 1
# Of one customer, the newest first: whoever had more has the older ones behind them.
SUBSCRIPTIONS_MAX: Final = 100
# How old a signature may be; what is younger and comes again finds its event in the inbox.
TOLERANCE_S: Final = 300
PROBLEM_CHARACTERS_MAX: Final = 300
SECONDS_MAX: Final = 253_402_300_799  # the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """That something of a customer has changed; what it is now, the provider is asked."""

    provider_id: str
    kind: str
    customer: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One page on which one customer may pay one price; of one number there is one."""

    customer: str
    price: str
    number: int
    paid_url: str
    left_url: str


class CheckoutTaken(Exception):
    """A page of this number was opened for something else."""


def configured() -> bool:
    return bool(settings.STRIPE_KEY)


def create_customer(*, account: str, email: str) -> str:
    """The customer of an account; the same one, however often and by how many at once."""
    with _speaking() as client:
        made = client.v1.customers.create(
            {"email": email, "metadata": {"account": account}},
            {"idempotency_key": f"netra-customer-{account}"},
        )
    return made.id


def close_customer(customer: str) -> None:
    """End every subscription now, and let the provider forget the person."""
    with _speaking() as client:
        try:
            client.v1.customers.delete(customer)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise


def reuse_or_expire_checkouts(customer: str, *, price: str) -> str | None:
    """The open page for a price, where there is one; afterwards no other can be paid."""
    found = None
    with _speaking() as client:
        pages = client.v1.checkout.sessions.list(
            {"customer": customer, "status": "open", "limit": SUBSCRIPTIONS_MAX}
        )
        for page in pages.data:
            if found is None and _price_of(page) == price:
                found = page.url
            else:
                _expire(client, page.id)
    return found


def open_checkout(checkout: Checkout) -> str:
    """The address of a new page; raises CheckoutTaken."""
    try:
        with _speaking() as client:
            page = client.v1.checkout.sessions.create(
                {
                    "mode": "subscription",
                    "customer": checkout.customer,
                    "line_items": [{"price": checkout.price, "quantity": 1}],
                    "metadata": {"price": checkout.price},
                    "success_url": checkout.paid_url,
                    "cancel_url": checkout.left_url,
                },
                {"idempotency_key": f"netra-checkout-{checkout.customer}-{checkout.number}"},
            )
    except stripe.IdempotencyError as error:
        if error.code == "idempotency_key_in_use":
            raise PaymentRefused(PaymentRefusal.BUSY) from error
        raise CheckoutTaken from error
    if page.url is None:
        raise ProviderFailed("the payment page has no address")
    return page.url


def open_portal(customer: str, *, back_url: str) -> str:
    """The address of the page on which a customer sees invoices, changes and cancels."""
    with _speaking() as client:
        page = client.v1.billing_portal.sessions.create(
            {"customer": customer, "return_url": back_url}
        )
    return page.url


def subscriptions_of(customer: str) -> tuple[Told, ...]:
    """Every subscription of a customer as it is now, the newest first."""
    with _speaking() as client:
        found = client.v1.subscriptions.list(
            {"customer": customer, "status": "all", "limit": SUBSCRIPTIONS_MAX}
        )
        return tuple(_told(client, one) for one in found.data)


def costs(price: str, *, amount: int, currency: str, interval: str) -> bool:
    """Whether the provider sells this price for that."""
    with _speaking() as client:
        try:
            found = client.v1.prices.retrieve(price)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            return False
    every = found.recurring
    return (
        found.active
        and (found.unit_amount, found.currency) == (amount, currency)
        and every is not None
        and (every.interval, every.interval_count) == (interval, 1)
    )


class _Thing(msgspec.Struct):
    id: str = ""
    object: str = ""
    customer: str | None = None


class _Data(msgspec.Struct):
    object: _Thing


class _Event(msgspec.Struct):
    id: str
    type: str
    created: Annotated[int, msgspec.Meta(ge=0, le=SECONDS_MAX)]
    data: _Data


def read_news(body: bytes, *, signature: str) -> News:
    """What a webhook tells, once its signature over the raw body holds; raises WebhookRefused.

    Only what no version of the provider's interface has ever named otherwise is read.
    """
    secrets = [secret for secret in settings.STRIPE_WEBHOOK_SECRETS if secret]
    if not any(_signed(body, signature, secret.reveal()) for secret in secrets):
        raise WebhookRefused("the signature does not hold")
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WebhookRefused("the body is no event") from error
    thing = event.data.object
    return News(
        provider_id=event.id,
        kind=event.type,
        customer=thing.id if thing.object == "customer" else thing.customer or "",
        created_at=_moment(event.created),
    )


def _signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        # Two texts are compared in constant time only while they are ASCII.
        return signature.isascii() and stripe.WebhookSignature.verify_header(
            body, signature, secret, TOLERANCE_S
        )
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False


@contextmanager
def _speaking() -> Iterator[stripe.StripeClient]:
    """A client for a few calls; raises PaymentRefused and ProviderFailed."""
    if not configured():
        raise PaymentRefused(PaymentRefusal.NOT_CONFIGURED)
    # The provider takes seconds at worst: a pooled connection is not held over it.
    if not connection.in_atomic_block:
        connection.close()
    http = stripe.RequestsClient(timeout=(CONNECT_S, ANSWER_S))
    try:
        yield stripe.StripeClient(
            settings.STRIPE_KEY.reveal(),
            base_addresses={"api": settings.STRIPE_BASE_URL} if settings.STRIPE_BASE_URL else None,
            max_network_retries=RETRIES_MAX,
            http_client=http,
        )
    except stripe.IdempotencyError:
        raise
    except stripe.StripeError as error:
        words = error.user_message or type(error).__name__
        raise ProviderFailed(words[:PROBLEM_CHARACTERS_MAX]) from error
    finally:
        http.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def _price_of(page: stripe.checkout.Session) -> str:
    about = page.metadata
    return str(about["price"]) if about is not None and "price" in about else ""


def _expire(client: stripe.StripeClient, page: str) -> None:
    try:
        client.v1.checkout.sessions.expire(page)
    except stripe.InvalidRequestError:
        # Paid, or expired, since it was listed: either way nobody can pay it now.
        return


def _told(client: stripe.StripeClient, found: stripe.Subscription) -> Told:
    item = found["items"].data[0]
    try:
        status = Status(found.status)
    except ValueError:
        raise ProviderFailed(f"a subscription is {found.status}, which is unknown") from None
    return Told(
        provider_id=found.id,
        status=status,
        price=item.price.id,
        started_at=_moment(found.start_date),
        period_starts_at=_moment(item.current_period_start),
        period_ends_at=_moment(item.current_period_end),
        ends_at=_end(found, item),
        refunded=status in PAYING and _refunded(client, found.latest_invoice),
    )


def _end(found: stripe.Subscription, item: stripe.SubscriptionItem) -> datetime | None:
    end = found.ended_at or found.cancel_at
    if end is None and found.cancel_at_period_end:
        end = item.current_period_end
    return None if end is None else _moment(end)


def _refunded(client: stripe.StripeClient, invoice: str | stripe.Invoice | None) -> bool:
    """Whether something was paid for an invoice, and all of it given back."""
    if invoice is None:
        return False
    payments = client.v1.invoice_payments.list(
        {
            "invoice": invoice if isinstance(invoice, str) else str(invoice.id),
            "status": "paid",
            "expand": ["data.payment.charge", "data.payment.payment_intent.latest_charge"],
        }
    )
    charges = [_charge(one) for one in payments.data]
    return bool(charges) and all(charge is not None and charge.refunded for charge in charges)


def _charge(paid: stripe.InvoicePayment) -> stripe.Charge | None:
    intent = paid.payment.payment_intent
    charge = paid.payment.charge
    if intent is not None and not isinstance(intent, str):
        charge = intent.latest_charge
    return None if isinstance(charge, str) else charge


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
