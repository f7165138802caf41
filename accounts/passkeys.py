"""Passkeys: forms that take what a browser answers, bounded, and refuse whatever cannot be read."""

import struct
from collections.abc import Mapping
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as stock
from allauth.mfa.webauthn.internal import auth
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.second_factor import SecondFactorAdapter

# One for each device that somebody has, and some to spare.
PASSKEYS_MAX: Final = 10
NAME_CHARACTERS_MAX: Final = 50
# An attestation with a chain of certificates has some 5000.
CREDENTIAL_CHARACTERS_MAX: Final = 16_384
# What an answer that is wrong raises in allauth, and one that is made up in fido2 and its CBOR.
_REFUSED: Final = (
    *(forms.ValidationError, ValueError, TypeError, LookupError, AttributeError),
    *(OverflowError, RecursionError, struct.error),
)


def passkeys_of(user: User) -> QuerySet[Authenticator]:
    found: QuerySet[Authenticator] = Authenticator.objects.filter(
        user=user, type=Authenticator.Type.WEBAUTHN
    )
    return found


def creation_options(user: User) -> Mapping[str, Any]:
    """What the browser is to make: a passkey that itself knows the account and asks its owner."""
    options: Mapping[str, Any] = auth.begin_registration(user, passwordless=True)
    return options


def request_options() -> Mapping[str, Any]:
    """What the browser is to use: any passkey that it has for us."""
    options: Mapping[str, Any] = auth.begin_authentication(None)
    return options


def _incorrect() -> forms.ValidationError:
    refused: forms.ValidationError = SecondFactorAdapter().validation_error("incorrect_passkey")
    return refused


class CredentialField(forms.JSONField):
    """A browser's answer: an object, and no longer than any is."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        text = str(value or "")
        # All of it is base64url and names: what needs an escape would not be stored or shown.
        if len(text) > CREDENTIAL_CHARACTERS_MAX or not text.isascii() or "\\" in text:
            raise _incorrect()
        try:
            found = super().to_python(value)
        except RecursionError:
            raise _incorrect() from None
        if not isinstance(found, dict):
            raise _incorrect()
        return found


class AddForm(stock.SignupWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """Adds a passkey; the one for signing up has no choice of a passkey that asks for nothing."""

    name = forms.CharField(
        required=False,
        max_length=NAME_CHARACTERS_MAX,
        help_text=_("So that you can tell them apart."),
    )
    credential = CredentialField()
    user: User

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except _REFUSED:
            raise _incorrect() from None
        if passkeys_of(self.user).count() >= PASSKEYS_MAX:
            raise SecondFactorAdapter().validation_error("too_many_passkeys")
        return cleaned


class RenameForm(forms.Form):
    name = forms.CharField(max_length=NAME_CHARACTERS_MAX)


class _ReadStrictly(stock.AuthenticateWebAuthnForm):  # type: ignore[misc]  # as above
    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()
        except _REFUSED:
            raise _incorrect() from None


class AuthenticateForm(_ReadStrictly):
    """Asked for after the password."""


class LoginForm(_ReadStrictly, stock.LoginWebAuthnForm):  # type: ignore[misc]  # as above
    """In place of a password."""


class ReauthenticateForm(_ReadStrictly, stock.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Asked for before a change."""
