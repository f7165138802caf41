"""What the account may do."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.utils.http import quote_etag
from django.views.decorators.http import condition
from ninja import Router

from billing.selectors import entitlements_of, usage_of
from chat.api.answers import REFUSALS, json
from chat.api.doors import caller_of
from chat.api.schemas import EntitlementsView, UsageList
from chat.connection.admission import entitlements_view
from chat.protocol.events import timestamp
from chat.protocol.frames import encode_value

router = Router(tags=["account"])


@router.get("/entitlements", response={200: EntitlementsView, 304: None, **REFUSALS})
def entitlements(request: HttpRequest) -> HttpResponse:
    """What your plan allows now; with `If-None-Match`, 304 while nothing has changed."""
    view = entitlements_view(entitlements_of(caller_of(request).user))
    etag = quote_etag(hashlib.sha256(encode_value(view).encode()).hexdigest()[:32])

    @condition(etag_func=lambda _request: etag)
    def answer(_request: HttpRequest) -> HttpResponse:
        return json(view)

    response: HttpResponse = answer(request)
    response["Cache-Control"] = "private, no-cache"
    return response


@router.get("/usage", response={200: UsageList, **REFUSALS})
def usage(request: HttpRequest) -> HttpResponse:
    """What is used of each limit that is counted, and when it begins anew."""
    told = [
        {
            "limit": row.feature,
            "used": row.used,
            "allowed": row.limit,
            "resets_at": row.resets_at and timestamp(row.resets_at),
        }
        for row in usage_of(caller_of(request).user)
    ]
    return json({"usage": told})
