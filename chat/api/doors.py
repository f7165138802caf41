"""Who calls the API: by a token, or a page of ours by its session; and how often."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Struct
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from accounts import limits, sessions, tokens
from accounts.models import User
from billing.catalogue import feature_words
from billing.selectors import catalogue, entitlements_of
from chat.api.problems import Problem

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LIMIT: Final = "api"


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks; `key` is that of the session, or of the token that stands in for it."""

    user: User
    key: str


class TokenDoor(HttpBearer):
    """A token in the header `Authorization`; never in an address, which is written to logs."""

    def __call__(self, request: HttpRequest) -> Caller | None:
        header = request.headers.get("Authorization")
        return None if header is None else self.authenticate(request, header)

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        key = tokens.key_in(token)
        bearer = tokens.bearers([key]).get(key)
        if bearer is None or not bearer.user.may_sign_in:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "token_invalid",
                "This token is unknown, expired or revoked. Make another in the account pages.",
            )
        _count(request, bearer.user)
        if tokens.FEATURE not in entitlements_of(bearer.user).features:
            raise _not_in_plan()
        if not bearer.may_write and request.method not in SAFE:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "read_only",
                "This token may only read. Use one that may write, too.",
            )
        return Caller(user=bearer.user, key=key)


class SessionDoor(APIKeyCookie):
    """A page of ours, with the session's cookie and, where it changes things, the CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Caller | None:
        if "Authorization" in request.headers or not isinstance(request.user, User):
            return None
        return self.authenticate(request, request.session.session_key)

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller:
        assert isinstance(request.user, User)
        if check_csrf(request) is not None:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "csrf_failed",
                "Send the page's CSRF token in the header X-CSRFToken.",
            )
        _count(request, request.user)
        return Caller(user=request.user, key=key or "")


def caller_of(request: HttpRequest) -> Caller:
    caller = getattr(request, "auth", None)
    assert isinstance(caller, Caller), "every route but the document asks who calls"
    return caller


def still_admits(caller: Caller) -> bool:
    """Does what the caller came with still open the door?"""
    if not tokens.is_key(caller.key):
        holder = sessions.holders([caller.key]).get(caller.key)
        return holder is not None and holder.may_enter and holder.user.pk == caller.user.pk
    bearer = tokens.bearers([caller.key]).get(caller.key)
    if bearer is None or not bearer.user.may_sign_in:
        return False
    return tokens.FEATURE in entitlements_of(bearer.user).features


def tell_rate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Tell with every answer how much of the rate limit is left (draft-ietf-httpapi-ratelimit)."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        use: limits.Use | None = getattr(request, "rate", None)
        if use is not None:
            response["RateLimit-Policy"] = f'"{LIMIT}";q={use.limit};w={use.window_s}'
            response["RateLimit"] = f'"{LIMIT}";r={max(0, use.left)};t={use.resets_in_s}'
        return response

    return answer


def _count(request: HttpRequest, user: User) -> None:
    use = limits.count(LIMIT, user.public_id)
    request.rate = use  # type: ignore[attr-defined]  # for the headers of the answer
    if use is not None and use.left < 0:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_requests",
            f"You may ask {use.limit} times a minute. Wait {use.resets_in_s} s.",
            retry_after_s=use.resets_in_s,
        )


def _not_in_plan() -> Problem:
    words = [f"Your plan has no {feature_words(tokens.FEATURE)}."]
    lowest = catalogue().features.get(tokens.FEATURE)
    if lowest is not None:
        words.append(f"It begins with the {lowest.value} plan, see /plan/.")
    return Problem(HTTPStatus.FORBIDDEN, "not_in_plan", " ".join(words))
