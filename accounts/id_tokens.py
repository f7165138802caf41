"""ID tokens, checked for signature, issuer, audience and expiry however they arrived.

The OpenID rules let a client skip the signature of a token that it fetched itself; then whoever
stands between it and the provider could write `alg: none` and be anybody.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from allauth.socialaccount.adapter import get_adapter
from jwt import PyJWK, PyJWKSet
from requests import RequestException

# Never the algorithm that the token itself names: that is how a public key becomes a shared secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
# Two servers' clocks are never quite alike.
LEEWAY_S: Final = 10
# Providers publish new keys days before they sign with them, and say so in hours of caching.
DOCUMENT_AGE_MAX_S: Final = 600.0
DOCUMENTS_MAX: Final = 16
TOKEN_CHARACTERS_MAX: Final = 16_384


class TokenRefused(Exception):
    """An ID token, or what is needed to check one, is not as it has to be; `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Kept:
    document: Mapping[str, Any]
    at_s: float


# In this process alone: who could write into a shared cache could sign tokens.
_kept: dict[str, _Kept] = {}


def verified(
    token: object, *, issuers: Collection[str], audience: str, keys_url: str
) -> Mapping[str, object]:
    """The claims of an ID token for this audience; raises TokenRefused."""
    # Base64url and dots; half of a surrogate pair, which JSON can hold, could not even be read.
    if not isinstance(token, str) or not token.isascii() or len(token) > TOKEN_CHARACTERS_MAX:
        raise TokenRefused("no_id_token")
    claims = _decoded(token, issuers=issuers, audience=audience, keys_url=keys_url)
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else audience) != audience:
        raise TokenRefused("authorised_party")
    return claims


def document(url: str, *, anew: bool = False) -> Mapping[str, Any]:
    """A provider's public JSON document, at most ten minutes old; raises TokenRefused."""
    kept = _kept.get(url)
    if kept is not None and not anew and time.monotonic() - kept.at_s < DOCUMENT_AGE_MAX_S:
        return kept.document
    try:
        with get_adapter().get_requests_session() as session:
            answer = session.get(url)
            answer.raise_for_status()
            found = answer.json()
    except RequestException as error:
        raise TokenRefused("provider_away") from error
    if not isinstance(found, dict):
        raise TokenRefused("document")
    if len(_kept) >= DOCUMENTS_MAX:
        forget_documents()
    _kept[url] = _Kept(found, time.monotonic())
    return found


def forget_documents() -> None:
    """Ask for every document anew."""
    _kept.clear()


def _decoded(
    token: str, *, issuers: Collection[str], audience: str, keys_url: str
) -> dict[str, Any]:
    def decode(keys: Mapping[str, Any]) -> dict[str, Any]:
        return jwt.decode(
            token,
            key=_key_for(token, keys),
            algorithms=ALGORITHMS,
            audience=audience,
            issuer=list(issuers),
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )

    return _with_keys(decode, keys_url)


def _with_keys(
    decode: Callable[[Mapping[str, Any]], dict[str, Any]], keys_url: str
) -> dict[str, Any]:
    """Decode with the keys we have, and with new ones when these do not fit."""
    try:
        try:
            return decode(document(keys_url))
        except (jwt.InvalidKeyError, jwt.InvalidSignatureError):
            return decode(document(keys_url, anew=True))
    except jwt.PyJWTError as error:
        raise TokenRefused(type(error).__name__) from error


def _key_for(token: str, keys: Mapping[str, Any]) -> PyJWK:
    kid = jwt.get_unverified_header(token).get("kid")
    published = PyJWKSet.from_dict(dict(keys)).keys
    fitting = [key for key in published if kid is None or key.key_id == kid]
    if len(fitting) != 1:
        raise jwt.InvalidKeyError("the token names no key, or one that is not published")
    return fitting[0]
