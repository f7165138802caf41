"""The tokens of a user as their owner sees them: made, listed, revoked."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts import services
from accounts.errors import TokenRefusal, TokenRefused
from accounts.models import ApiToken, AuditKind, TokenScope, User
from accounts.tokens import FEATURE, KEY_PREFIX, digest_of
from billing.selectors import entitlements_of

PREFIX: Final = "nt_"
RANDOM_BYTES: Final = 32
TOKENS_MAX: Final = 20
_ENDING_CHARS: Final = 4


def tokens_of(user: User) -> list[ApiToken]:
    """Those that are not revoked, the newest first; one that has expired is still shown."""
    return list(user.api_tokens.filter(revoked_at=None).order_by("-created_at", "-pk")[:TOKENS_MAX])


@transaction.atomic
def create_token(
    *, user: User, name: str, scope: TokenScope, days: int | None = None
) -> tuple[ApiToken, str]:
    """Make a token that is good for so many days, or for ever; gives the row and its text.

    The text is known to nobody afterwards. Raises TokenRefused.
    """
    # Locked, so that two requests at once do not both find the last place.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if FEATURE not in entitlements_of(user).features:
        raise TokenRefused(TokenRefusal.NOT_IN_PLAN)
    if user.api_tokens.filter(revoked_at=None).count() >= TOKENS_MAX:
        raise TokenRefused(TokenRefusal.TOO_MANY)
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        scope=scope,
        digest=digest_of(text),
        ending=text[-_ENDING_CHARS:],
        expires_at=_end(days),
    )
    services.audit(
        AuditKind.TOKEN_CREATED,
        user=user,
        actor=user,
        name=name,
        scope=scope.value,
        number=token.pk,
    )
    return token, text


@transaction.atomic
def revoke_token(*, user: User, number: int) -> bool:
    """End one of the user's tokens, and its sockets with it; False where it is not theirs."""
    token = user.api_tokens.filter(pk=number, revoked_at=None).first()
    revoked = user.api_tokens.filter(pk=number, revoked_at=None).update(revoked_at=timezone.now())
    if token is None or not revoked:
        return False
    services.audit(AuditKind.TOKEN_REVOKED, user=user, actor=user, name=token.name, number=token.pk)
    services.end_access(user=user, session_key=KEY_PREFIX + token.digest)
    return True


def _end(days: int | None) -> datetime | None:
    return None if days is None else timezone.now() + timedelta(days=days)
