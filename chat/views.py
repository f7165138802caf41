"""The chat page, and a thread as strangers see it."""

from functools import cache
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.csrf import csrf_failure
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from accounts.models import User
from billing.selectors import longest_trial_days
from chat import examples, landing, offers, selectors, shares, uploads
from chat.deletion import THREADS_BIN_LIFE
from chat.errors import ShareNotFound
from chat.page_words import page_words
from chat.protocol.frames import TEXT_CHARS_MAX

# Where the settings of the account are, beside those of the browser.
_ACCOUNT_PAGES: Final = (
    (_("Name and language"), "account_profile"),
    (_("Email and sign-in"), "account_email"),
    (_("My plan"), "plan"),
    (_("API tokens"), "account_tokens"),
    (_("Export my data"), "account_export"),
)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The chat for whoever is signed in; for strangers what this is, and the ways in."""
    if request.user.is_authenticated:
        return redirect("chat")
    context = {
        "page_url": request.build_absolute_uri("/"),
        "picture_url": request.build_absolute_uri(static("netra/icons/social.png")),
        "plans": landing.plan_cards(),
        "sample": landing.SAMPLE,
        "trial_days": longest_trial_days(),
    }
    return render(request, "chat/landing.html", context)


@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """How Netra is used, also for strangers."""
    return render(request, "chat/guide.html", {"text": _guide()})


@cache
def _guide() -> str:
    return (settings.BASE_DIR / "docs" / "using.md").read_text(encoding="utf-8")


@require_GET
@login_required
def chat(request: HttpRequest, thread_id: str | None = None) -> HttpResponse:
    """The page; a foreign thread's address answers exactly like a missing one."""
    user = _user(request)
    if thread_id and selectors.thread_key(user=user.pk, thread_id=thread_id) is None:
        raise Http404
    context = {"config": _config(request, user, thread_id), "page_words": page_words()}
    return render(request, "chat/chat.html", context)


@require_http_methods(["GET", "HEAD"])
def share(request: HttpRequest, token: str) -> HttpResponse:
    """A thread for whoever has its link; a revoked one is answered like one that never was."""
    try:
        shared = shares.shared_with(token)
    except ShareNotFound:
        raise Http404 from None
    response = render(request, "chat/share.html", {"shared": shared})
    # Who follows a link from here must not tell this address, nor anybody list or keep it.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store"
    return response


def refuse_forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a request without its CSRF token: JSON where programs call, else the page."""
    if request.path.startswith("/api/"):
        return _problem(
            HTTPStatus.FORBIDDEN,
            "csrf_failed",
            "Send the page's CSRF token in the header X-CSRFToken.",
        )
    return csrf_failure(request, reason=reason, template_name="403_csrf.html")


def _config(request: HttpRequest, user: User, thread_id: str | None) -> dict[str, Any]:
    models = offers.offer_views(user)
    return {
        "socket_path": "/ws/chat/",
        "stream_url": reverse("open_socket"),
        "api_url": "/api",
        "thread_id": thread_id,
        "is_looking": getattr(request, "impersonation", None) is not None,
        "user": {"user_id": user.public_id, "email": user.email, "name": user.name},
        "limits": {
            "text": TEXT_CHARS_MAX,
            "file_bytes": uploads.file_bytes_max(user),
            "bin_days": THREADS_BIN_LIFE.days,
        },
        "assistant": {"builtin": not models, "model": models[0].name if models else ""},
        # What a thread may be answered by, the default first.
        "models": [{"model": one.model, "name": one.name} for one in models],
        "locked_models": [{"name": one.name, "tier": one.tier} for one in offers.locked_for(user)],
        "plan_url": reverse("plan"),
        "example_prompts": [
            {"title": str(each.title), "text": each.text, "sample": each.with_sample}
            for each in (examples.OF_A_MODEL if models else examples.OF_THE_ASSISTANT)
        ],
        "sample_csv_url": static("chat/sample-usage.csv"),
        "unread_icon_url": static("netra/logo-unread.svg"),
        "account_pages": [
            {"label": str(label), "url": reverse(name)} for label, name in _ACCOUNT_PAGES
        ],
        "logout_url": reverse("account_logout"),
        "csrf_token": get_token(request),
    }


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the view asked for a signed-in user"
    return request.user


def _problem(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)
