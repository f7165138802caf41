"""The sessions of a user as their owner sees them, and how the owner ends them."""

from datetime import datetime
from typing import Final

from allauth.account.adapter import get_adapter
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.http import HttpRequest
from django.utils import timezone
from msgspec import Struct

from accounts import services, sessions
from accounts.models import AuditKind, SessionRecord, User
from accounts.user_agents import device_of

# The last use is shown to the minute: most requests only look.
USE_NOTED_EVERY_S: Final = 60
USER_AGENT_READ_MAX: Final = 500
SHOWN_MAX: Final = 50

# When this process last noted a session; most requests need not even ask the database.
NOTED_MAX: Final = 10_000
_noted_at_s: dict[str, float] = {}

# Another process may have noted the session already: then it writes nothing.
_NOTE: Final = """
INSERT INTO accounts_sessionrecord
    (session_key, user_id, device, network, signed_in_at, used_at)
SELECT %(key)s, %(user)s, %(device)s, %(network)s, now(), now()
WHERE NOT EXISTS (
    SELECT FROM accounts_sessionrecord
    WHERE session_key = %(key)s AND used_at > now() - make_interval(secs => %(every_s)s)
)
ON CONFLICT (session_key) DO UPDATE
SET used_at = now(), device = EXCLUDED.device, network = EXCLUDED.network
RETURNING signed_in_at = used_at
"""


class OpenSession(Struct, frozen=True, kw_only=True):
    """One line of the list; `number` names it in a form, since its key is a secret."""

    number: int
    device: str
    network: str
    signed_in_at: datetime
    used_at: datetime
    is_this: bool


def note_use(request: HttpRequest) -> None:
    """Write down that the request's session is in use, and from where."""
    user, key = request.user, request.session.session_key
    if not isinstance(user, User) or key is None or not _is_due(key):
        return
    noted: dict[str, str | int | None] = {
        "key": key,
        "user": user.pk,
        "device": device_of(request.headers.get("User-Agent", "")[:USER_AGENT_READ_MAX]),
        "network": _network_of(request),
        "every_s": USE_NOTED_EVERY_S,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, noted)
        row = cursor.fetchone()
    if row is not None and row[0]:
        _forget_ended(user)


def _network_of(request: HttpRequest) -> str | None:
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:  # a session that a program made for itself, without any network
        return None


def _is_due(key: str) -> bool:
    now_s = timezone.now().timestamp()
    if now_s - _noted_at_s.get(key, 0.0) < USE_NOTED_EVERY_S:
        return False
    if len(_noted_at_s) >= NOTED_MAX:
        _noted_at_s.clear()
    _noted_at_s[key] = now_s
    return True


def sessions_of(user: User, *, this: str | None) -> list[OpenSession]:
    """The sessions that are open, the one in use first, then the newest use; SHOWN_MAX at most."""
    records = list(user.session_records.order_by("-used_at")[:SHOWN_MAX])
    holders = sessions.holders([record.session_key for record in records])
    found = [
        OpenSession(
            number=record.pk,
            device=record.device,
            network=record.network or "",
            signed_in_at=record.signed_in_at,
            used_at=record.used_at,
            is_this=record.session_key == this,
        )
        for record in records
        if (holder := holders.get(record.session_key)) is not None and holder.may_enter
    ]
    return sorted(found, key=lambda one: not one.is_this)


@transaction.atomic
def end_session(*, user: User, number: int) -> bool:
    """End one of the user's sessions, and its sockets with it; False where it is not theirs."""
    record = user.session_records.select_for_update().filter(pk=number).first()
    if record is None:
        return False
    Session.objects.filter(session_key=record.session_key).delete()
    record.delete()
    services.audit(AuditKind.SESSION_ENDED, user=user, actor=user, device=record.device)
    services.end_access(user=user, session_key=record.session_key)
    return True


@transaction.atomic
def end_other_sessions(request: HttpRequest, *, user: User) -> int:
    """End every session of the user but the request's own, known or not; how many were known."""
    mine = request.session.session_key
    others = list(user.session_records.exclude(session_key=mine).select_for_update())
    # Whatever is not on the list ends too: every session is signed by this number.
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
    request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    request.session.save()
    keys = [record.session_key for record in others]
    Session.objects.filter(session_key__in=keys).delete()
    user.session_records.filter(session_key__in=keys).delete()
    services.audit(AuditKind.SESSION_ENDED, user=user, actor=user, others=len(keys))
    for key in keys:
        services.end_access(user=user, session_key=key)
    return len(keys)


def forget_session(session_key: str) -> None:
    """Strike a session that has ended from the list."""
    SessionRecord.objects.filter(session_key=session_key).delete()


def _forget_ended(user: User) -> None:
    """Keep the list as short as the sessions there are: some end by time alone."""
    open_ = Session.objects.filter(session_key=OuterRef("session_key"))
    user.session_records.filter(~Exists(open_)).delete()
