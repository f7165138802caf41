"""The sessions of a user as their owner sees them, and how the owner ends them."""

from datetime import datetime
from typing import Final

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from msgspec import Struct

from accounts import services, sessions
from accounts.models import AuditKind, SessionRecord, User
from accounts.user_agents import device_words

SHOWN_MAX: Final = 50


class OpenSession(Struct, frozen=True, kw_only=True):
    """One line of the list; `number` names it in a form, since its key is a secret."""

    number: int
    device: str
    network: str
    signed_in_at: datetime
    used_at: datetime
    is_this: bool


def sessions_of(user: User, *, this: str | None) -> list[OpenSession]:
    """The sessions that are open, the one in use first, then the newest use; SHOWN_MAX at most."""
    records = list(user.session_records.order_by("-used_at")[:SHOWN_MAX])
    holders = sessions.holders([record.session_key for record in records])
    found = [
        OpenSession(
            number=record.pk,
            device=device_words(record.device),
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
