"""In which language a request is answered, what it leaves behind, and whose account it shows."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _

from accounts import impersonation, session_use
from accounts.models import Impersonation, User

Answer = Callable[[HttpRequest], HttpResponse]

SIGNED_OUT: Final = _("You were signed out, since nothing happened for a while. Sign in to go on.")
LOOK_OVER: Final = _("You see your own account again: looking at the other one is over.")
ONLY_LOOKS: Final = "You are looking at somebody's account: nothing can be changed in it."
# What the person who looks does as themselves.
OWN_DOORS: Final = frozenset({"account_logout", "impersonation_end"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Of programs, and of operators, whose words are not translated.
ENGLISH_PATHS: Final = ("/admin/", "/api/", "/health/", "/webhooks/", "/csp-reports/")


class LanguageMiddleware:
    """Answers people in the language they chose, or else in the one their browser asks for.

    Programs are answered in English, and so are operators, whose words are not translated.
    """

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(ENGLISH_PATHS):
            with translation.override(settings.LANGUAGE_CODE):
                return self._get_response(request)
        chosen = request.user.language if isinstance(request.user, User) else ""
        language = chosen or translation.get_language_from_request(request)
        with translation.override(language):
            response = self._get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response


class SessionUseMiddleware:
    """Ends a session that nobody used, and keeps the list of a user's sessions."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if session_use.is_idle(request):
            session_use.end_idle(request)
            messages.info(request, SIGNED_OUT)
        response = self._get_response(request)
        # Afterwards: signing in and changing a password give the session another key.
        if request.session.session_key is not None and request.user.is_authenticated:
            session_use.note_use(request)
        return response


class ImpersonationMiddleware:
    """Shows staff who look at an account what its user sees, and lets nothing be changed."""

    def __init__(self, get_response: Answer) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        own = request.user
        look = _look_of(request)
        if look is None:
            return self._get_response(request)
        request.user = look.user
        request.impersonation = look  # type: ignore[attr-defined]  # for templates and for below
        try:
            return self._get_response(request)
        finally:
            if request.user == look.user:
                request.user = own

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        look: Impersonation | None = getattr(request, "impersonation", None)
        if look is None:
            return None
        place = request.resolver_match.view_name if request.resolver_match else ""
        if place in OWN_DOORS:
            request.user = look.actor
            return None
        # Only what is named: some pages change things when they are looked at, or show secrets.
        if request.method in SAFE and place in settings.ACCOUNTS_IMPERSONATION_SHOWS:
            return None
        if request.path.startswith("/api/"):
            refusal = {"code": "read_only", "message": ONLY_LOOKS}
            return JsonResponse(refusal, status=HTTPStatus.FORBIDDEN)
        return render(request, "accounts/only_looking.html", status=HTTPStatus.FORBIDDEN)


def _look_of(request: HttpRequest) -> Impersonation | None:
    """The look that the request's session is marked with; one that is over leaves no mark."""
    mark = impersonation.mark_of(request.session)
    if mark is None or not isinstance(request.user, User):
        return None
    look = impersonation.live([mark]).get(mark)
    if look is None or look.actor_id != request.user.pk:
        impersonation.leave(request.session, cause="its time was over")
        messages.info(request, LOOK_OVER)
        return None
    return look
