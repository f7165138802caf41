"""The page on which people see their plan, and the ways from it to the payment provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import structlog
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from billing import selectors, services
from billing.errors import BillingError, PaymentRefusal, PaymentRefused, ProviderFailed
from billing.models import Customer, Price
from billing.periods import Window, period_at
from billing.trials import DAY, REMINDER_DAYS, TrialEnding
from netra.replica import read_history
from netra.words import grouped

if TYPE_CHECKING:
    from accounts.models import User

logger = structlog.get_logger(__name__)

# A row's number has no more; a longer one is no row's.
ROW_DIGITS_MAX = 18


class TokensUsed(Protocol):
    """Tokens as a model's provider told them; `cost_usd` is None where no price is known."""

    @property
    def requests(self) -> int: ...
    @property
    def unpriced_requests(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cost_usd(self) -> Decimal | None: ...


class ModelUsed(Protocol):
    """What one model was used for."""

    @property
    def model(self) -> str: ...
    @property
    def runs(self) -> int: ...
    @property
    def usage(self) -> TokensUsed: ...


class ModelsUsed(Protocol):
    """What a user's runs used of each model from one day to another, both included (UTC)."""

    def __call__(self, user: int, *, since: date, until: date) -> Sequence[ModelUsed]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model's use this month, in words."""

    model: str
    runs: str
    input_tokens: str
    output_tokens: str
    cost: str


@require_GET
@login_required
@never_cache
def plan(request: HttpRequest, *, models_used: ModelsUsed) -> HttpResponse:
    """The page; whoever knows of models, which billing does not, is asked through the route."""
    now = timezone.now()
    mine = selectors.plan_of(_user(request))
    today = now.astimezone(UTC).date()
    month = read_history(models_used, _user(request).pk, since=today.replace(day=1), until=today)
    models = [used for used in month if used.usage.requests]
    context = {
        "plan": mine,
        "now": now,
        "trial": _told(mine.ending),
        "month": period_at(Window.MONTH, now),
        "models": [_row(used) for used in models],
        "cost": _dollars(sum((used.usage.cost_usd or Decimal(0) for used in models), Decimal(0))),
        "unpriced": sum(used.usage.unpriced_requests for used in models),
    }
    return render(request, "billing/plan.html", context)


@require_POST
@login_required
def checkout(request: HttpRequest) -> HttpResponse:
    """To the provider's page on which a price is paid."""
    price = get_object_or_404(Price, pk=_number(request.POST.get("price", "")))
    try:
        page = services.open_checkout(
            user=_user(request),
            price=price,
            paid_url=request.build_absolute_uri(reverse("plan_paid")),
            left_url=request.build_absolute_uri(reverse("plan")),
        )
    except PaymentRefused as refused:
        if refused.reason is PaymentRefusal.ALREADY_PAYS:
            return portal(request)
        return _back(request, str(refused))
    except ProviderFailed as failure:
        return _back_later(request, failure)
    return _to(page)


@require_POST
@login_required
def portal(request: HttpRequest) -> HttpResponse:
    """To the provider's page of invoices, cards, other plans and cancelling."""
    back_url = request.build_absolute_uri(reverse("plan"))
    try:
        return _to(services.open_portal(user=_user(request), back_url=back_url))
    except PaymentRefused as refused:
        return _back(request, str(refused))
    except ProviderFailed as failure:
        return _back_later(request, failure)


@require_GET
@login_required
@never_cache
def paid(request: HttpRequest) -> HttpResponse:
    """Where the provider sends whoever has paid; its news may be here before, or later."""
    user = _user(request)
    customer = Customer.objects.filter(user=user).first()
    try:
        if customer is not None:
            services.read_customer(customer)
    except BillingError as problem:
        # The same is told by a webhook, and tried again until it is done.
        logger.warning("a payment was not read at once", user=user.pk, problem=str(problem))
    payment = selectors.payment_of(user, at=timezone.now())
    context = {"entitled": selectors.entitlements_of(user), "payment": payment}
    return render(request, "billing/paid.html", context)


def _to(page: str) -> HttpResponse:
    answer = HttpResponse(status=303)
    answer["Location"] = page
    return answer


def _back(request: HttpRequest, words: str) -> HttpResponse:
    messages.error(request, words)
    return redirect("plan")


def _back_later(request: HttpRequest, failure: ProviderFailed) -> HttpResponse:
    logger.warning("the payment provider failed", problem=failure.problem)
    return _back(request, _("The payment page is out of reach. Please try again in a minute."))


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > ROW_DIGITS_MAX:
        raise Http404
    return int(text)


def _row(used: ModelUsed) -> ModelRow:
    usage = used.usage
    return ModelRow(
        model=used.model,
        runs=grouped(used.runs),
        input_tokens=grouped(usage.input_tokens),
        output_tokens=grouped(usage.output_tokens),
        cost=_("unknown") if usage.cost_usd is None else _dollars(usage.cost_usd),
    )


def _dollars(amount: Decimal) -> str:
    return grouped(amount, places=4)


def _told(ending: TrialEnding | None) -> dict[str, str] | None:
    """What is said of a trial that ends within days, or ended lately, and is a loss."""
    now = timezone.now()
    if ending is None or not ending.lowers() or ending.ends_at > now + REMINDER_DAYS[0] * DAY:
        return None
    return {"headline": ending.headline(now), "sentence": ending.sentence(now)}


def _user(request: HttpRequest) -> "User":
    assert request.user.is_authenticated  # the view asked for it
    return request.user
