"""What the site as a whole tells browsers that install it and programs that visit it."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

# `share/` is not here: who keeps out of it never reads that its pages are not to be listed.
_CLOSED = ("/accounts/", "/admin/", "/api/", "/chat/", "/plan/")


@require_safe
def robots(_request: HttpRequest) -> HttpResponse:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _CLOSED), ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


@require_safe
def web_manifest(_request: HttpRequest) -> HttpResponse:
    """By which a browser installs the chat as an app (W3C Web Application Manifest)."""
    chat = reverse("chat")
    manifest = {
        "id": "/",
        "name": "Netra",
        "short_name": "Netra",
        "description": _("Agents that work for you, and nothing said is lost."),
        "lang": get_language() or "en",
        "start_url": chat,
        "scope": "/",
        "display": "standalone",
        # The ground of the pages; which scheme they are in, each page says itself.
        "background_color": "#fbfaf8",
        "theme_color": "#fbfaf8",
        "icons": [
            *(_icon(f"icon-{size}", size, "any") for size in (192, 512)),
            *(_icon(f"maskable-{size}", size, "maskable") for size in (192, 512)),
        ],
        "shortcuts": [
            {"name": _("New thread"), "url": chat},
            {"name": _("My plan"), "url": reverse("plan")},
        ],
    }
    return JsonResponse(manifest, content_type="application/manifest+json")


def _icon(name: str, size: int, purpose: str) -> dict[str, str]:
    return {
        "src": static(f"netra/icons/{name}.png"),
        "sizes": f"{size}x{size}",
        "type": "image/png",
        "purpose": purpose,
    }
