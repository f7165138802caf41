"""Who may open a socket: the exact origin, then a session whose user may come in."""

from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http.cookie import parse_cookie
from django.http.request import validate_host
from msgspec import Struct

from accounts.models import User
from billing.entitlements import Entitlements
from billing.selectors import entitlements_of
from chat import selectors
from chat.protocol.codes import CloseCode
from chat.protocol.events import timestamp
from chat.protocol.frames import FRAME_BYTES_MAX, TEXT_CHARS_MAX, ActiveRunRef


class NotAdmitted(Exception):
    """The socket must close with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Admitted(Struct, frozen=True, kw_only=True):
    """All that set-up must know of a user, read in one go."""

    user: User
    session_key: str
    entitlements: Entitlements
    active_runs: list[ActiveRunRef]


def header(scope: dict[str, Any], name: bytes) -> str:
    return next((value for key, value in scope["headers"] if key == name), b"").decode("latin-1")


def origin_is_ours(scope: dict[str, Any]) -> bool:
    """Whether a page of this very host opened the socket; cookies alone prove nothing."""
    host = header(scope, b"host")
    domain = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if not host or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    # A proxy may end TLS in front; cookies that are secure say that somebody does.
    secure = settings.SESSION_COOKIE_SECURE or scope.get("scheme") == "wss"
    return header(scope, b"origin") == f"{'https' if secure else 'http'}://{host}"


def admit(scope: dict[str, Any]) -> Admitted:
    """The user behind the socket's session cookie; raises NotAdmitted."""
    session_key = parse_cookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        raise NotAdmitted(CloseCode.NOT_SIGNED_IN, "sign in first")
    # get_user checks the session's password hash too; of a request it reads only the session.
    session = SessionStore(session_key)
    user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    if not isinstance(user, User):
        raise _refusal(session)
    return Admitted(
        user=user,
        session_key=session_key,
        entitlements=entitlements_of(user),
        active_runs=selectors.active_runs(user=user.pk),
    )


def _refusal(session: SessionStore) -> NotAdmitted:
    """Why a session gives no user; who is suspended learns it."""
    key = session.get(SESSION_KEY)
    if key and User.objects.filter(pk=key).exclude(suspended_at=None).exists():
        return NotAdmitted(CloseCode.SUSPENDED, "the account is suspended")
    return NotAdmitted(CloseCode.NOT_SIGNED_IN, "the session has ended")


def limits() -> dict[str, int]:
    return {"text": TEXT_CHARS_MAX, "frame": FRAME_BYTES_MAX, "file_bytes": settings.FILE_BYTES_MAX}


def entitlements_view(entitlements: Entitlements) -> dict[str, Any]:
    """Entitlements as they go over the wire: the full value, so that a repeat changes nothing."""
    trial = entitlements.trial
    change = entitlements.next_change
    return {
        "tier": entitlements.tier.value,
        "base_tier": entitlements.base_tier.value,
        "trial": None
        if trial is None
        else {
            "tier": trial.tier.value,
            "starts_at": timestamp(trial.starts_at),
            "ends_at": None if trial.ends_at is None else timestamp(trial.ends_at),
        },
        "limits": dict(entitlements.limits),
        "features": sorted(entitlements.features),
        "why": entitlements.why,
        "next_change": None if change is None else timestamp(change),
    }
