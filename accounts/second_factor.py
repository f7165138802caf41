"""The second factor: codes of an app, and recovery codes, checked under the lockout.

Passkeys are in `accounts.passkeys`.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from math import ceil
from typing import Any, Final

from allauth.core import context as request_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as stock
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.forms import ValidationError
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import selectors, services
from accounts.errors import FactorRefused
from accounts.models import AuditKind, User
from accounts.user_agents import device_of

# The number of the time step whose code was used last; a code works once.
LAST_STEP: Final = "last_step"


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {  # noqa: RUF012  allauth reads a plain dict
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right. Each code works once."),
        "incorrect_passkey": _("This passkey was not accepted. Try again, or sign in another way."),
        "too_many_passkeys": _(
            "You have as many passkeys as an account can have. Remove one first."
        ),
        "unverified_email": _("Confirm your email address first."),
    }

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """What a passkey is called when its owner has given it no name."""
        return device_of(request_context.request.headers.get("User-Agent", ""))

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Whom a passkey is for: the host, under our name."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": settings.MFA_TOTP_ISSUER}

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode()).decode()


def reseal(text: str) -> str:
    """The same, readable with the present key alone; itself where it is so.

    Raises cryptography.fernet.InvalidToken where no key of the deployment opens it.
    """
    try:
        MultiFernet(_boxes()[:1]).decrypt(text.encode())
    except InvalidToken:
        return _fernet().rotate(text.encode()).decode()
    return text


def _fernet() -> MultiFernet:
    """The first key writes, all of them read: so a secret key can be replaced."""
    return MultiFernet(_boxes())


def _boxes() -> list[Fernet]:
    keys = (force_bytes(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))
    derived = (sha256(b"accounts.second_factor " + key).digest() for key in keys)
    return [Fernet(urlsafe_b64encode(key)) for key in derived]


def check_code(*, user: User, code: str) -> Authenticator | None:
    """What of the user's the code belongs to; it is used up by that. None counts as a failure."""
    found: list[Authenticator] = []

    def check() -> User | None:
        found.extend(one for one in _factors(user) if _opens(one, code))
        return user if found else None

    services.try_code(user=user, check=check)
    return found[0] if found else None


def has_codes(user: User) -> bool:
    """Is there anything that `check_code` could take? A passkey gives no code to type."""
    return bool(_factors(user))


def _factors(user: User) -> list[Authenticator]:
    types = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    return list(Authenticator.objects.filter(user=user, type__in=types))


def _opens(factor: Authenticator, code: str) -> bool:
    if factor.type == Authenticator.Type.RECOVERY_CODES:
        return bool(factor.wrap().validate_code(code))
    # allauth remembers used codes in the cache, which may be away; sign-in must not be.
    secret = SecondFactorAdapter().decrypt(factor.data["secret"])
    for step in totp.yield_hotp_counters_from_time():
        expected = totp.format_hotp_value(totp.hotp_value(secret, step))
        if totp.compare_user_code(actual=code, expected=expected):
            if step <= factor.data.get(LAST_STEP, -1):
                return False
            factor.data[LAST_STEP] = step
            factor.save(update_fields=["data"])
            return True
    return False


@transaction.atomic
def remove_all(*, user: User, actor: User, reason: str) -> bool:
    """Let a user in without a second factor, who lost it; ends their sessions and tells them.

    False when they had none. Raises FactorRefused.
    """
    if user.pk == actor.pk:
        raise FactorRefused("own_account")
    if (user.is_staff or user.is_superuser) and not actor.is_superuser:
        raise FactorRefused("staff")
    removed, _rows = Authenticator.objects.filter(user=user).delete()
    if not removed:
        return False
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    services.unlock_codes(user=user)
    services.audit(AuditKind.SECOND_FACTOR_REMOVED, user=user, actor=actor, reason=reason)
    services.end_access(user=user)
    services.notify(user=user, about="second_factor_removed")
    return True


class CodeForm(stock.BaseAuthenticateForm):  # type: ignore[misc]  # allauth has no types
    """Refuses wrong codes on the schedule that wrong passwords are refused on."""

    cleaned_data: dict[str, Any]
    user: User

    @property
    def asks_for_app(self) -> bool:
        """Is there an app that shows codes, or are there only recovery codes?"""
        factors = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.TOTP)
        return bool(factors.exists())

    def clean_code(self) -> str:
        self._refuse_while_locked()
        code = str(self.cleaned_data["code"])
        found = check_code(user=self.user, code=code)
        if found is None:
            self._refuse_while_locked()
            raise SecondFactorAdapter().validation_error("incorrect_code")
        found.user = self.user
        self.authenticator = found
        return code

    def _refuse_while_locked(self) -> None:
        until = selectors.locked_until(selectors.code_lock_of(self.user))
        if until is None:
            return
        minutes = ceil((until - timezone.now()).total_seconds() / 60)
        words = ngettext(
            "Too many wrong codes. Try again in %(minutes)s minute.",
            "Too many wrong codes. Try again in %(minutes)s minutes.",
            minutes,
        )
        raise ValidationError(words % {"minutes": minutes}, code="locked")


class AuthenticateForm(CodeForm, stock.AuthenticateForm):  # type: ignore[misc]  # as above
    """Asked for when signing in."""


class ReauthenticateForm(CodeForm, stock.ReauthenticateForm):  # type: ignore[misc]  # as above
    """Asked for before a change."""
