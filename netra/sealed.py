"""Secrets that rows hold: sealed under keys made of the deployment's own, opened where used."""

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from netra.env import Secret

# Apart from every other use of the same key (RFC 5869 §3.2).
PURPOSE: Final = b"netra.sealed.1"


class Unreadable(Exception):
    """It was sealed under a key that this deployment does not have any more."""


def seal(text: str) -> str:
    """`text`, readable only with the deployment's key; twice the same gives two results."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> Secret:
    """What was sealed, by the present key or an older one; raises Unreadable."""
    try:
        return Secret(_box().decrypt(sealed.encode()).decode())
    except InvalidToken:
        raise Unreadable from None


def reseal(sealed: str) -> str:
    """The same, readable with the present key alone; itself where it is so; raises Unreadable."""
    try:
        _box_of(settings.SECRET_KEY).decrypt(sealed.encode())
    except InvalidToken:
        return seal(unseal(sealed).reveal())
    return sealed


def _box() -> MultiFernet:
    return _box_of(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _box_of(*keys: str) -> MultiFernet:
    """The first key seals, each opens."""
    return MultiFernet([Fernet(urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
