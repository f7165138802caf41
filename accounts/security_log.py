"""What was done to or by an account, in words for its user."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from accounts.evidence import PROVIDER_NAMES
from accounts.models import AuditEvent, AuditKind, User

SHOWN_MAX: Final = 100

# {provider} and the like are the event's details; a kind that is not here is not shown.
_WORDS: Final[Mapping[AuditKind, str]] = MappingProxyType(
    {
        AuditKind.SIGNED_UP: "The account was made",
        AuditKind.ADDRESS_CHANGED: "Your email address was changed",
        AuditKind.VERIFIED: "Your email address was verified",
        AuditKind.LOCKED_OUT: "Too many wrong passwords or codes: closed for {minutes} minutes",
        AuditKind.PASSWORD_CHANGED: "Your password was changed",
        AuditKind.SUSPENDED: "Our staff suspended your account",
        AuditKind.REINSTATED: "Our staff opened your account again",
        AuditKind.IDENTITY_LINKED: "{provider} was linked",
        AuditKind.IDENTITY_UNLINKED: "{provider} was unlinked",
        AuditKind.IDENTITY_CONFLICT: "{provider} came with another address; nothing was changed",
        AuditKind.LINK_REFUSED: "{provider} was not linked",
        AuditKind.SESSION_ENDED: "A session was signed out from another one",
        AuditKind.SESSION_IDLE: "A session that nobody used was signed out",
        AuditKind.SECOND_FACTOR_ADDED: "A second factor was added",
        AuditKind.SECOND_FACTOR_REMOVED: "A second factor was removed",
        AuditKind.RECOVERY_CODES_REPLACED: "New recovery codes were made",
        AuditKind.DATA_EXPORTED: "Your data was exported",
        AuditKind.TOKEN_CREATED: "The API token “{name}” was made",
        AuditKind.TOKEN_REVOKED: "The API token “{name}” was revoked",
        AuditKind.IMPERSONATION_BEGUN: "Our staff looked at your account. Reason: {reason}",
        AuditKind.IMPERSONATION_ENDED: "Our staff stopped looking at your account",
    }
)
_BY_STAFF: Final[Mapping[AuditKind, str]] = MappingProxyType(
    {AuditKind.SECOND_FACTOR_REMOVED: "Our staff removed your two-factor. Reason: {reason}"}
)


class Entry(Struct, frozen=True, kw_only=True):
    """One line; `network` is empty where it is not the user's own."""

    at: datetime
    what: str
    network: str


def entries_of(user: User) -> list[Entry]:
    """The newest first, SHOWN_MAX at most."""
    events = AuditEvent.objects.filter(user=user, kind__in=list(_WORDS))[:SHOWN_MAX]
    return [
        Entry(at=event.at, what=_what(event), network=own_network(event) or "") for event in events
    ]


def own_network(event: AuditEvent) -> str | None:
    """Where the event came from, unless staff did it: their networks are not the user's to know."""
    return event.network if event.actor_id in (None, event.user_id) else None


def _what(event: AuditEvent) -> str:
    kind = AuditKind(event.kind)
    words = _WORDS[kind]
    if event.actor_id not in (None, event.user_id):
        words = _BY_STAFF.get(kind, words)
    provider = PROVIDER_NAMES.get(str(event.details.get("provider", "")), "A provider")
    return words.format(
        provider=provider,
        minutes=event.details.get("minutes", "some"),
        reason=event.details.get("reason", "none was given"),
        name=event.details.get("name", ""),
    )
