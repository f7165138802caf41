"""Who may open a socket: the exact origin, then a session whose user may come in; or a token."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import validate_host
from msgspec import Struct

from accounts import sessions, tokens
from accounts.sessions import Holder
from billing.entitlements import Entitlements
from billing.selectors import entitlements_of, entitlements_of_all
from chat import selectors
from chat.connection import places
from chat.connection.places import Admitted, Guest
from chat.errors import NotAdmitted
from chat.protocol.codes import CloseCode
from chat.protocol.events import timestamp
from chat.protocol.frames import FRAME_BYTES_MAX, TEXT_CHARS_MAX

Scope = dict[str, Any]
# Those that `key_of` reads.
_KEPT_HEADERS: Final = (b"authorization", b"cookie")


class Asked(Struct, frozen=True, kw_only=True):
    """A socket that asks to be let in; `place` is the key that it is to hold its place under."""

    scope: Scope
    place: str


def header(scope: dict[str, Any], name: bytes) -> str:
    return next((value for key, value in scope["headers"] if key == name), b"").decode("latin-1")


def may_knock(scope: Scope) -> bool:
    """Whether a program with a token opened the socket, or a page of this very host."""
    return bool(header(scope, b"authorization")) or _origin_is_ours(scope)


def _origin_is_ours(scope: Scope) -> bool:
    """Whether a page of this very host opened the socket; cookies alone prove nothing."""
    host = header(scope, b"host")
    domain = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if not host or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    # A proxy may end TLS in front; cookies that are secure say that somebody does.
    secure = settings.SESSION_COOKIE_SECURE or scope.get("scheme") == "wss"
    return header(scope, b"origin") == f"{'https' if secure else 'http'}://{host}"


def check(scope: Scope, admitted: Guest) -> None:
    """Whether a socket's session or token still lets its user in; raises NotAdmitted."""
    key = key_of(scope)
    answer = _answer(_holders([key]).get(key))
    if isinstance(answer, NotAdmitted):
        raise answer
    if tokens.is_key(key) and tokens.FEATURE not in entitlements_of(answer.user).features:
        raise _no_access()
    # Staff have begun, or stopped, to look at an account in this session.
    if answer.user.pk != admitted.user.pk:
        raise NotAdmitted(CloseCode.NOT_SIGNED_IN, "this session shows another account now")


def admit_all(asked: Sequence[Asked]) -> list[Admitted | NotAdmitted]:
    """The user behind each socket's cookie or token, with a place held, or why it must close.

    Asked of many at once it costs hardly more than of one: sockets come in storms.
    """
    keys = [key_of(one.scope) for one in asked]
    holders = _holders(set(keys))
    answers = [_answer(holders.get(key)) for key in keys]
    users = {answer.user.pk for answer in answers if isinstance(answer, Holder)}
    entitled = entitlements_of_all(users)
    runs = selectors.active_runs(users)
    admitted: list[Admitted | NotAdmitted] = [
        answer
        if isinstance(answer, NotAdmitted)
        else _no_access()
        if tokens.is_key(key) and tokens.FEATURE not in entitled[answer.user.pk].features
        else Admitted(
            user=answer.user,
            session_key=key,
            place="" if answer.only_looks else one.place,
            only_looks=answer.only_looks,
            may_write=answer.may_write,
            entitlements=entitled[answer.user.pk],
            active_runs=runs[answer.user.pk],
        )
        for one, key, answer in zip(asked, keys, answers, strict=True)
    ]
    refused = places.take_all([one for one in admitted if isinstance(one, Admitted)])
    return [refused.get(one.place, one) if isinstance(one, Admitted) else one for one in admitted]


def key_of(scope: Scope) -> str:
    """The key of the session, or of the token that stands in for it; empty where there is none."""
    if authorization := header(scope, b"authorization"):
        return tokens.key_in(authorization)
    key = parse_cookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME) or ""
    # PostgreSQL takes no U+0000, which a quoted cookie can hold: the question that this key shares
    # with other sockets would fail for all of them.
    return key if key.isascii() and key.isalnum() else ""


def forget_handshake(scope: Scope) -> None:
    """Drop the headers that nobody asks for again: a browser's take 2 KiB a socket."""
    # In place, since whoever handed the scope on has the same list.
    scope["headers"][:] = [one for one in scope["headers"] if one[0] in _KEPT_HEADERS]


def _holders(keys: Collection[str]) -> dict[str, Holder]:
    bearers = tokens.bearers(keys)
    by_token = {
        key: Holder(user=one.user, may_enter=one.user.may_sign_in, may_write=one.may_write)
        for key, one in bearers.items()
    }
    return by_token | sessions.holders([key for key in keys if not tokens.is_key(key)])


def _answer(holder: Holder | None) -> Holder | NotAdmitted:
    if holder is not None and holder.may_enter:
        return holder
    if holder is not None and holder.user.suspended_at is not None:
        return NotAdmitted(CloseCode.SUSPENDED, "the account is suspended")
    return NotAdmitted(CloseCode.NOT_SIGNED_IN, "sign in first, the session has ended")


def _no_access() -> NotAdmitted:
    return NotAdmitted(CloseCode.FORBIDDEN, "your plan has no API access")


def limits() -> dict[str, int]:
    return {"text": TEXT_CHARS_MAX, "frame": FRAME_BYTES_MAX, "file_bytes": settings.FILE_BYTES_MAX}


def entitlements_view(entitlements: Entitlements) -> dict[str, Any]:
    """Entitlements as they go over the wire: the full value, so that a repeat changes nothing."""
    trial = entitlements.trial
    change = entitlements.next_change
    return {
        "tier": entitlements.tier.value,
        "base_tier": entitlements.base_tier.value,
        "trial": None
        if trial is None
        else {
            "tier": trial.tier.value,
            "starts_at": timestamp(trial.starts_at),
            "ends_at": None if trial.ends_at is None else timestamp(trial.ends_at),
        },
        "limits": dict(entitlements.limits),
        "features": sorted(entitlements.features),
        "why": entitlements.why,
        "next_change": None if change is None else timestamp(change),
    }
