"""The chat page, the list of threads and the upload of files."""

from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.csrf import csrf_failure
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from chat import offers, selectors, services
from chat.errors import TooManyFiles
from chat.protocol.frames import TEXT_CHARS_MAX, encode_value
from chat.uploads import UploadRefused, check_upload

EXAMPLE_PROMPTS: Final = [
    {
        "title": "Where does our money go?",
        "text": "Where does the money go in this usage export?",
        "sample": True,
    },
    {
        "title": "Which model is slow?",
        "text": "Which model is the slowest, and how bad is its tail?",
        "sample": True,
    },
    {
        "title": "Compare prices",
        "text": "What would 10 million input and 2 million output tokens cost on gpt-4o "
        "and on gpt-4o-mini?",
        "sample": False,
    },
    {"title": "Calculate", "text": "What is 18.5% of 12,480?", "sample": False},
]


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return redirect("chat" if request.user.is_authenticated else "account_login")


@require_GET
@login_required
def chat(request: HttpRequest, thread_id: str | None = None) -> HttpResponse:
    """The page; a foreign thread's address answers exactly like a missing one."""
    user = _user(request)
    if thread_id and selectors.thread_key(user=user.pk, thread_id=thread_id) is None:
        raise Http404
    return render(request, "chat/chat.html", {"config": _config(request, user, thread_id)})


@require_http_methods(["GET", "HEAD"])
def threads(request: HttpRequest) -> HttpResponse:
    """The newest threads of the user: {threads: [{thread_id, title, updated_at, running}]}."""
    if not request.user.is_authenticated:
        return _problem(HTTPStatus.UNAUTHORIZED, "not_signed_in", "Sign in first.")
    rows = selectors.thread_rows(user=_user(request).pk)
    return HttpResponse(encode_value({"threads": rows}), content_type="application/json")


@require_POST
def upload_file(request: HttpRequest) -> HttpResponse:
    """Keep one file for a later message: multipart field `file` -> {file_id, name, bytes}."""
    if not request.user.is_authenticated:
        return _problem(HTTPStatus.UNAUTHORIZED, "not_signed_in", "Sign in first.")
    upload = request.FILES.get("file")
    if upload is None:
        return _problem(HTTPStatus.BAD_REQUEST, "file_missing", "Send the file in the field file.")
    try:
        check_upload(upload)
    except UploadRefused as refused:
        return _problem(refused.status, refused.code, refused.message)
    try:
        file = services.store_file(user=_user(request), name=upload.name or "file", content=upload)
    except TooManyFiles:
        return _problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_files",
            "Many files wait to be sent already. Send some of them first.",
        )
    return JsonResponse({"file_id": file.public_id, "name": file.name, "bytes": file.bytes})


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
        "files_url": reverse("upload_file"),
        "threads_url": reverse("threads"),
        "thread_id": thread_id,
        "user": {"user_id": user.public_id, "email": user.email},
        "limits": {"text": TEXT_CHARS_MAX, "file_bytes": settings.FILE_BYTES_MAX},
        "assistant": {"builtin": not models, "model": models[0].name if models else ""},
        # What a thread may be answered by, the default first.
        "models": [{"model": one.model, "name": one.name} for one in models],
        "example_prompts": EXAMPLE_PROMPTS,
        "sample_csv_url": static("chat/sample-usage.csv"),
        "logout_url": reverse("account_logout"),
        "csrf_token": get_token(request),
    }


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the view asked for a signed-in user"
    return request.user


def _problem(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)
