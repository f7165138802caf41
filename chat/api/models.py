"""The models that may answer."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from chat import offers
from chat.api.answers import REFUSALS, json
from chat.api.doors import caller_of
from chat.api.schemas import ModelList

router = Router(tags=["models"])


@router.get("/models", response={200: ModelList, **REFUSALS})
def list_models(request: HttpRequest) -> HttpResponse:
    """What your plan lets you choose, the default first; none where only the assistant answers."""
    return json({"models": offers.offer_views(caller_of(request).user)})
