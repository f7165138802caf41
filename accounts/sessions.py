"""Whose session a key is, asked for many at once: reconnects come in storms."""

from collections.abc import Collection
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils.crypto import constant_time_compare
from msgspec import Struct

from accounts.models import User

# By plain SQL: the ORM would take three times as long to make objects of it.
_SESSIONS: Final = """
SELECT session_key, session_data FROM django_session
WHERE session_key = ANY(%s) AND expire_date > now()
"""
_ENDED: Final = """
SELECT key FROM unnest(%s::text[]) AS key WHERE NOT EXISTS (
    SELECT FROM django_session WHERE session_key = key AND expire_date > now()
)
"""


class Holder(Struct, frozen=True, kw_only=True):
    """Who signed in; `may_enter` False where the session was ended or the user is kept out."""

    user: User
    may_enter: bool


def holders(keys: Collection[str]) -> dict[str, Holder]:
    """Who holds each session; a key that is unknown or has expired is left out."""
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS, [list(keys)])
        rows = cursor.fetchall()
    store = SessionStore()
    sessions = {key: store.decode(data) for key, data in rows}
    users = User.objects.in_bulk(
        {primary_key for data in sessions.values() if (primary_key := _user_of(data))}
    )
    return {
        key: Holder(user=user, may_enter=_may_enter(user, data))
        for key, data in sessions.items()
        if (user := users.get(_user_of(data) or 0)) is not None
    }


def ended(keys: Collection[str]) -> set[str]:
    """Those of the sessions that are there no more, however they went."""
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [list(keys)])
        return {key for (key,) in cursor.fetchall()}


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
