"""The inbox of news from the payment provider: each kept once, and acted on until it is done."""

from contextlib import suppress
from datetime import timedelta

import structlog
from django.db.models import F
from django.utils import timezone

from billing import gateway
from billing.errors import GrantRefused, ProviderFailed, UnknownPrice
from billing.gateway import News
from billing.models import PROVIDER_ID_MAX, Customer, WebhookEvent
from billing.services.payments import read_customer

logger = structlog.get_logger(__name__)

# Whatever may change what somebody pays for; of anything else nothing is kept.
KINDS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "customer.deleted",
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.marked_uncollectible",
        "invoice.voided",
        "charge.refunded",
        "charge.refund.updated",
        "refund.failed",
    }
)
# Longer than the provider can take to answer all that is asked about one piece of news.
TAKEN_FOR = timedelta(seconds=60)
FIRST_WAIT = timedelta(seconds=30)
WAIT_MAX = timedelta(hours=1)
# About six hours of waits that double.
ATTEMPTS_MAX = 12
EVENTS_AT_ONCE = 20
# The provider repeats news for 3 days; older news than its signatures are refused anyway.
KEPT_FOR = timedelta(days=90)
PRUNED_AT_ONCE = 500
PROBLEM_CHARACTERS_MAX = 500
NOT_OURS = "not a customer of an account here"


def take_in(news: News) -> None:
    """Keep a piece of news, once however often it comes, and act on it at once if possible."""
    if news.kind not in KINDS:
        return
    if max(len(news.provider_id), len(news.customer)) > PROVIDER_ID_MAX:
        return
    event, _ = WebhookEvent.objects.get_or_create(
        provider_id=news.provider_id,
        defaults={
            "kind": news.kind,
            "customer": news.customer,
            "created_at": news.created_at,
        },
    )
    with suppress(ProviderFailed):
        _act_on(event)


def act_on_waiting_events() -> int:
    """Act on news that nobody has finished with; answers for how many.

    Safe in any number of processes at once. A provider that is away ends the call.
    """
    now = timezone.now()
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.WAITING, due_at__lte=now)
    waiting.filter(attempts__gte=ATTEMPTS_MAX).update(state=WebhookEvent.State.FAILED)
    if not gateway.configured():
        return 0
    done = 0
    with suppress(ProviderFailed):
        for event in waiting.order_by("due_at")[:EVENTS_AT_ONCE]:
            done += _act_on(event)
    return done


def retry_event(*, event: WebhookEvent) -> bool:
    """Let an event that failed, or waits for its next attempt, be tried now; whether it is done."""
    WebhookEvent.objects.filter(pk=event.pk).exclude(state=WebhookEvent.State.DONE).update(
        state=WebhookEvent.State.WAITING, attempts=0, due_at=timezone.now()
    )
    with suppress(ProviderFailed):
        return _act_on(event)
    return False


def prune_events() -> int:
    """Forget news of long ago, some at a time; answers how many."""
    old = WebhookEvent.objects.filter(received_at__lt=timezone.now() - KEPT_FOR)
    gone, _ = old.filter(pk__in=list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])).delete()
    return gone


def _act_on(event: WebhookEvent) -> bool:
    """Whether it is done now, and by us; raises ProviderFailed once its next attempt is set."""
    now = timezone.now()
    mine = WebhookEvent.objects.filter(
        pk=event.pk,
        state=WebhookEvent.State.WAITING,
        due_at__lte=now,
        attempts__lt=ATTEMPTS_MAX,
    )
    if not mine.update(due_at=now + TAKEN_FOR, attempts=F("attempts") + 1):
        return False
    customer = Customer.objects.filter(provider_id=event.customer).select_related("user").first()
    try:
        if customer is not None:
            read_customer(customer)
    except ProviderFailed as failure:
        _wait(event, failure.problem)
        raise
    except (UnknownPrice, GrantRefused) as problem:
        _wait(event, str(problem))
        return False
    WebhookEvent.objects.filter(pk=event.pk).update(
        state=WebhookEvent.State.DONE,
        done_at=timezone.now(),
        problem="" if customer is not None else NOT_OURS,
    )
    return True


def _wait(event: WebhookEvent, problem: str) -> None:
    logger.warning("news of a payment waits", news=event.provider_id, problem=problem)
    event.refresh_from_db(fields=["attempts"])
    wait = min(FIRST_WAIT * 2 ** (event.attempts - 1), WAIT_MAX)
    WebhookEvent.objects.filter(pk=event.pk, state=WebhookEvent.State.WAITING).update(
        due_at=timezone.now() + wait, problem=problem[:PROBLEM_CHARACTERS_MAX]
    )
