"""Which browsers an account has signed in at before; of a new one its owner is told by mail."""

from typing import Final

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse

from accounts import services
from accounts.models import AuditKind, User
from accounts.user_agents import device_of

COOKIE: Final = "netra_known"
_SALT: Final = "accounts.known_browsers"
LASTS_S: Final = 365 * 24 * 3600
# People share browsers; whoever was here longest ago is a stranger again.
ACCOUNTS_MAX: Final = 10
_SEPARATOR: Final = " "


def greet(request: HttpRequest, user: User, response: HttpResponse, *, is_first: bool) -> None:
    """Remember that `user` signed in here; a first sign-in ever is no news to anybody."""
    known = _known(request)
    if user.public_id not in known and not is_first:
        device = device_of(request.headers.get("User-Agent", ""))
        services.audit(AuditKind.NEW_BROWSER, user=user, actor=user, device=device)
        get_adapter().send_notification_mail("accounts/email/new_browser", user, {"user": user})
    others = [one for one in known if one != user.public_id]
    names = _SEPARATOR.join([user.public_id, *others][:ACCOUNTS_MAX])
    response.set_signed_cookie(
        COOKIE,
        names,
        salt=_SALT,
        max_age=LASTS_S,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _known(request: HttpRequest) -> list[str]:
    try:
        names = request.get_signed_cookie(COOKIE, "", salt=_SALT, max_age=LASTS_S)
    except BadSignature:
        return []
    return names.split(_SEPARATOR) if names else []
