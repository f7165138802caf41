"""When a session was last used, and from when on it opens nothing since nobody uses it."""

import time
from datetime import datetime, timedelta
from typing import Final

from allauth.account.adapter import get_adapter
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import services
from accounts.models import AuditKind, SessionRecord, User
from accounts.user_agents import device_of
from billing.selectors import entitlements_of

# The last use is shown to the minute: most requests only look.
USE_NOTED_EVERY_S: Final = 60
USER_AGENT_READ_MAX: Final = 500
LIMIT: Final = "session_idle_hours"
# Or a limit of 0 would end the session in which somebody mends it.
IDLE_AFTER_MIN: Final = timedelta(minutes=15)

# When this process last noted a session; most requests need not even ask the database.
NOTED_MAX: Final = 10_000
_noted_at_s: dict[str, float] = {}

# Another process may have noted the session already: then it writes nothing.
_NOTE: Final = """
INSERT INTO accounts_sessionrecord
    (session_key, user_id, device, network, signed_in_at, used_at, idle_at)
SELECT %(key)s, %(user)s, %(device)s, %(network)s, %(now)s, %(now)s, %(idle_at)s
WHERE NOT EXISTS (
    SELECT FROM accounts_sessionrecord WHERE session_key = %(key)s AND used_at > %(noted_since)s
)
ON CONFLICT (session_key) DO UPDATE
SET used_at = EXCLUDED.used_at, idle_at = EXCLUDED.idle_at,
    device = EXCLUDED.device, network = EXCLUDED.network
RETURNING signed_in_at = used_at
"""


def is_due(key: str) -> bool:
    """Is the session's use to be noted again? Asked before, since noting costs a transaction."""
    return time.time() - _noted_at_s.get(key, 0.0) >= USE_NOTED_EVERY_S


def note_use(request: HttpRequest) -> None:
    """Write down that the request's session is in use, and from where."""
    user, key = request.user, request.session.session_key
    if not isinstance(user, User) or key is None or not is_due(key):
        return
    _remember(key)
    now = timezone.now()
    noted: dict[str, str | int | datetime | None] = {
        "key": key,
        "user": user.pk,
        "device": device_of(request.headers.get("User-Agent", "")[:USER_AGENT_READ_MAX]),
        "network": _network_of(request),
        "now": now,
        "idle_at": _idle_at(user, now),
        "noted_since": now - timedelta(seconds=USE_NOTED_EVERY_S),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, noted)
        row = cursor.fetchone()
    if row is not None and row[0]:
        _forget_ended(user)


def note_work(key: str) -> None:
    """Write down that somebody is at work in a session by its socket; one that is idle stays so."""
    now = timezone.now()
    record = SessionRecord.objects.filter(session_key=key).select_related("user").first()
    if record is not None and record.idle_at is not None and record.idle_at <= now:
        return
    _remember(key)
    if record is not None:
        SessionRecord.objects.filter(pk=record.pk, used_at__lt=now).update(
            used_at=now, idle_at=_idle_at(record.user, now)
        )


def is_idle(request: HttpRequest) -> bool:
    """Has nobody used the request's session for longer than its user's plan allows?"""
    key = request.session.session_key
    # Who was here a minute ago is not idle; everybody else costs a question.
    if key is None or not request.user.is_authenticated or not is_due(key):
        return False
    return SessionRecord.objects.filter(session_key=key, idle_at__lte=timezone.now()).exists()


@transaction.atomic
def end_idle(request: HttpRequest) -> None:
    """Sign the request's session out."""
    user = request.user
    assert isinstance(user, User)
    key = request.session.session_key
    idle = SessionRecord.objects.filter(session_key=key, idle_at__lte=timezone.now())
    record = idle.first()
    # Once, of several requests that come together.
    if record is not None and idle.delete()[0]:
        services.audit(AuditKind.SESSION_IDLE, user=user, device=record.device)
    logout(request)


def reckon_anew(user: User) -> None:
    """Let the user's sessions that are open live as long as their plan says now."""
    idle_after = _idle_after(user, timezone.now())
    idle_at = None if idle_after is None else F("used_at") + idle_after
    _open(timezone.now()).filter(user=user).update(idle_at=idle_at)


def _remember(key: str) -> None:
    if len(_noted_at_s) >= NOTED_MAX:
        _noted_at_s.clear()
    _noted_at_s[key] = time.time()


def _open(at: datetime) -> QuerySet[SessionRecord]:
    return SessionRecord.objects.filter(Q(idle_at=None) | Q(idle_at__gt=at))


def _idle_at(user: User, at: datetime) -> datetime | None:
    idle_after = _idle_after(user, at)
    return None if idle_after is None else at + idle_after


def _idle_after(user: User, at: datetime) -> timedelta | None:
    hours = entitlements_of(user, at=at).limits[LIMIT]
    return None if hours is None else max(timedelta(hours=hours), IDLE_AFTER_MIN)


def _network_of(request: HttpRequest) -> str | None:
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # a session that a program made for itself, without any network
        return None


def _forget_ended(user: User) -> None:
    """Keep the list as short as the sessions there are: some end by time alone."""
    open_ = Session.objects.filter(session_key=OuterRef("session_key"))
    user.session_records.filter(~Exists(open_)).delete()
