"""A connection's place among those that its user's tier allows."""

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from accounts.models import User
from billing import selectors as billing_selectors
from billing import services as billing
from billing.batches import Wanted
from billing.entitlements import Entitlements
from billing.errors import LimitReached
from chat import nodes
from chat.errors import NotAdmitted
from chat.protocol.codes import CloseCode
from chat.protocol.frames import ActiveRunRef

FEATURE: Final = "concurrent_connections"
_SEPARATOR: Final = "/"


def key_of(node: str, connection_id: str) -> str:
    """The key of a connection's place; it says whose process holds it."""
    return f"{node}{_SEPARATOR}{connection_id}"


class Guest(Struct, frozen=True, kw_only=True):
    """Who is behind a socket as long as it is open.

    `place` is the key of their place; it is empty where staff only look, who take none from them.
    """

    user: User
    session_key: str
    place: str
    only_looks: bool
    # False of a token that reads only.
    may_write: bool = True


class Admitted(Guest, frozen=True, kw_only=True):
    """All that set-up must know of a user, read in one go; an open socket need not keep it."""

    entitlements: Entitlements
    active_runs: list[ActiveRunRef]

    @property
    def guest(self) -> Guest:
        return Guest(
            user=self.user,
            session_key=self.session_key,
            place=self.place,
            only_looks=self.only_looks,
            may_write=self.may_write,
        )


def take_all(admitted: Collection[Admitted]) -> dict[str, NotAdmitted]:
    """Hold a place for each until it is given back or lapses; gives, by key, who got none."""
    wanted = [
        Wanted(user=one.user.pk, key=one.place, limit=one.entitlements.limits[FEATURE])
        for one in admitted
        if not one.only_looks
    ]
    held = billing.reserve_all(feature=FEATURE, wanted=wanted)
    refused = {}
    for one in admitted:
        if one.place not in held and not one.only_looks:
            try:
                _take(one)
            except NotAdmitted as refusal:
                refused[one.place] = refusal
    return refused


def _take(one: Admitted) -> None:
    """Look again where there was no room: what a dead process held is free at once."""
    own = _node_of(one.place)
    free_the_dead(one.user, own=own)
    try:
        billing.reserve(
            user=one.user, feature=FEATURE, amount=1, key=one.place, entitled=one.entitlements
        )
    except LimitReached as reached:
        raise _refusal(one.user, reached, own=own) from None


def free_the_dead(user: User, *, own: str) -> None:
    """Let go of what processes held that are gone; `own` lives, however late its beat is."""
    holders = _holders(user)
    dead = nodes.silence(set(holders.values()) - {own}).dead
    lost = [key for key, node in holders.items() if node in dead]
    if lost:
        # Not released: a process that was only frozen takes them again, or closes what is too many.
        billing.lapse_all(keys=lost)


def _refusal(user: User, reached: LimitReached, *, own: str) -> NotAdmitted:
    if nodes.silence(set(_holders(user).values()) - {own}).suspect:
        return NotAdmitted(CloseCode.COME_BACK_LATER, "connections of yours may just have ended")
    return NotAdmitted(
        CloseCode.TOO_MANY_CONNECTIONS, f"your plan allows {reached.limit} connections at once"
    )


def _holders(user: User) -> dict[str, str]:
    """Which process holds each of the user's places, by key."""
    keys = billing_selectors.held_keys(user, feature=FEATURE)
    return {key: _node_of(key) for key in keys}


def _node_of(key: str) -> str:
    return key.partition(_SEPARATOR)[0]
