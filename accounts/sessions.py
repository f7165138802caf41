"""Whose session a key is, asked for many at once: reconnects come in storms."""

from collections.abc import Collection
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from msgspec import Struct

from accounts import impersonation
from accounts.models import Impersonation, User

# By plain SQL: the ORM would take three times as long to make objects of it.
_SESSIONS: Final = """
SELECT session_key, session_data
FROM django_session LEFT JOIN accounts_sessionrecord USING (session_key)
WHERE session_key = ANY(%(keys)s) AND expire_date > %(now)s
    AND (idle_at IS NULL OR idle_at > %(now)s)
"""
_ENDED: Final = """
SELECT key FROM unnest(%(keys)s::text[]) AS key
WHERE NOT EXISTS (
    SELECT FROM django_session LEFT JOIN accounts_sessionrecord USING (session_key)
    WHERE session_key = key AND expire_date > %(now)s AND (idle_at IS NULL OR idle_at > %(now)s)
) AND NOT EXISTS (
    SELECT FROM accounts_apitoken
    WHERE digest = substr(key, length('token:') + 1) AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > %(now)s)
) OR EXISTS (
    SELECT FROM accounts_impersonation
    WHERE session_key = key AND ended_at IS NULL
)
"""


class Holder(Struct, frozen=True, kw_only=True):
    """Whose account a session shows; `may_enter` False where it was ended or they are kept out.

    `only_looks` where it is not the account of who signed in: nothing may be changed by it, as by
    a token that may not write.
    """

    user: User
    may_enter: bool
    only_looks: bool = False
    may_write: bool = True


def holders(keys: Collection[str]) -> dict[str, Holder]:
    """Who holds each session; a key that is unknown or has expired is left out."""
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS, {"keys": list(keys), "now": timezone.now()})
        rows = cursor.fetchall()
    store = SessionStore()
    sessions = {key: store.decode(data) for key, data in rows}
    marks = {mark for data in sessions.values() if (mark := impersonation.mark_of(data))}
    looks = impersonation.live(marks) if marks else {}
    users = User.objects.in_bulk(
        {primary_key for data in sessions.values() if (primary_key := _user_of(data))}
    )
    return {
        key: _holder(user, data, looks.get(impersonation.mark_of(data) or 0))
        for key, data in sessions.items()
        if (user := users.get(_user_of(data) or 0)) is not None
    }


def ended(keys: Collection[str]) -> set[str]:
    """Those of the sessions, and tokens, that may show no more what they did.

    Ended, idle, revoked; and those of staff who look at an account, always: what lets them may be
    lost in many ways, and nothing tells of it to who follows the account.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, {"keys": list(keys), "now": timezone.now()})
        return {key for (key,) in cursor.fetchall()}


def _holder(user: User, data: dict[str, Any], look: Impersonation | None) -> Holder:
    may_enter = _may_enter(user, data)
    if look is None or look.actor_id != user.pk:
        return Holder(user=user, may_enter=may_enter)
    return Holder(user=look.user, may_enter=may_enter, only_looks=True)


def _user_of(data: dict[str, Any]) -> int | None:
    try:
        return int(data[SESSION_KEY])
    except (KeyError, ValueError):
        return None


def _may_enter(user: User, data: dict[str, Any]) -> bool:
    """As Django's own get_user decides; and the account must be one that may sign in."""
    signed = str(data.get(HASH_SESSION_KEY, ""))
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return (
        user.may_sign_in
        and data.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and any(constant_time_compare(signed, one) for one in hashes)
    )
