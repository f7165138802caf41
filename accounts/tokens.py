"""Whose API token a request or a socket carries, asked for many at once."""

import hashlib
import re
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone
from msgspec import Struct

from accounts.models import ApiToken, TokenScope, User

# What stands in for the session key of a socket that a token opened; no session key has a colon.
KEY_PREFIX: Final = "token:"
FEATURE: Final = "api_access"
# The last use is shown to the minute: most requests only look.
USE_NOTED_EVERY: Final = timedelta(minutes=1)
_FORM: Final = re.compile(r"nt_[A-Za-z0-9_-]{43}", re.ASCII)


class Bearer(Struct, frozen=True, kw_only=True):
    """Who holds a token that is good, and how far it reaches."""

    user: User
    may_write: bool


def key_in(authorization: str) -> str:
    """The key of the token in an `Authorization` header; empty where there is none."""
    scheme, _, text = authorization.partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not _FORM.fullmatch(text):
        return ""
    return KEY_PREFIX + digest_of(text)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_key(key: str) -> bool:
    """Is it the key of a token, and not that of a session?"""
    return key.startswith(KEY_PREFIX)


def bearers(keys: Collection[str]) -> dict[str, Bearer]:
    """Who holds each token, whose use is noted; what is unknown, revoked or expired is left out."""
    now = timezone.now()
    digests = [key.removeprefix(KEY_PREFIX) for key in keys if is_key(key)]
    if not digests:
        return {}
    good = ApiToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now), digest__in=digests, revoked_at=None
    )
    found = {token.digest: token for token in good.select_related("user")}
    late = [one.pk for one in found.values() if _is_due(one)]
    if late:
        # Of requests that come together one writes.
        noted = Q(used_at=None) | Q(used_at__lt=now - USE_NOTED_EVERY)
        ApiToken.objects.filter(noted, pk__in=late).update(used_at=now)
    return {
        KEY_PREFIX + digest: Bearer(user=token.user, may_write=token.scope == TokenScope.WRITE)
        for digest, token in found.items()
    }


def _is_due(token: ApiToken) -> bool:
    return token.used_at is None or timezone.now() - token.used_at >= USE_NOTED_EVERY
