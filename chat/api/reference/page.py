"""The page that describes the API to people who are signed in."""

from functools import cache

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat.api.reference.document import Document
from chat.api.routes import api


@require_safe
@login_required
def reference(request: HttpRequest) -> HttpResponse:
    """Every route, with its fields, its answers and how curl asks it."""
    document = _document()
    return render(
        request,
        "chat/reference.html",
        {"rooms": document.rooms(), "types": document.types(), "server": request.get_host()},
    )


@cache
def _document() -> Document:
    return Document(api.get_openapi_schema())
