"""The door for news from the payment provider."""

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import gateway, services
from billing.errors import WebhookRefused

logger = structlog.get_logger(__name__)


@csrf_exempt  # its signature says who sent it
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Answers once the news is kept; whatever could not be done with it then, the worker does.

    Without payments there is no such door. A body beyond Django's limit is refused unread.
    """
    if not any(settings.STRIPE_WEBHOOK_SECRETS):
        raise Http404
    try:
        news = gateway.read_news(
            request.body, signature=request.headers.get("Stripe-Signature", "")
        )
    except WebhookRefused as refused:
        logger.warning("a webhook was refused", problem=str(refused))
        return HttpResponse(str(refused), status=400, content_type="text/plain")
    services.take_in(news)
    return HttpResponse(status=200)
