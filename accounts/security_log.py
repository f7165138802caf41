"""What was done to or by an account, in words for its user."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from msgspec import Struct

from accounts.evidence import PROVIDER_NAMES
from accounts.models import AuditEvent, AuditKind, User
from accounts.user_agents import device_words

SHOWN_MAX: Final = 100

# {provider} and the like are the event's details; a kind that is not here is not shown.
_WORDS: Final[Mapping[AuditKind, str]] = MappingProxyType(
    {
        AuditKind.SIGNED_UP: gettext_noop("The account was made"),
        AuditKind.ADDRESS_CHANGED: gettext_noop("Your email address was changed"),
        AuditKind.VERIFIED: gettext_noop("Your email address was verified"),
        AuditKind.LOCKED_OUT: gettext_noop(
            "Too many wrong passwords or codes: closed for {minutes} minutes"
        ),
        AuditKind.PASSWORD_CHANGED: gettext_noop("Your password was changed"),
        AuditKind.SUSPENDED: gettext_noop("Our staff suspended your account"),
        AuditKind.REINSTATED: gettext_noop("Our staff opened your account again"),
        AuditKind.IDENTITY_LINKED: gettext_noop("{provider} was linked"),
        AuditKind.IDENTITY_UNLINKED: gettext_noop("{provider} was unlinked"),
        AuditKind.IDENTITY_CONFLICT: gettext_noop(
            "{provider} came with another address; nothing was changed"
        ),
        AuditKind.LINK_REFUSED: gettext_noop("{provider} was not linked"),
        AuditKind.SESSION_ENDED: gettext_noop("A session was signed out from another one"),
        AuditKind.SESSION_IDLE: gettext_noop("A session that nobody used was signed out"),
        AuditKind.SECOND_FACTOR_ADDED: gettext_noop("A second factor was added"),
        AuditKind.SECOND_FACTOR_REMOVED: gettext_noop("A second factor was removed"),
        AuditKind.RECOVERY_CODES_REPLACED: gettext_noop("New recovery codes were made"),
        AuditKind.DATA_EXPORTED: gettext_noop("Your data was exported"),
        AuditKind.TOKEN_CREATED: gettext_noop("The API token “{name}” was made"),
        AuditKind.TOKEN_REVOKED: gettext_noop("The API token “{name}” was revoked"),
        AuditKind.NEW_BROWSER: gettext_noop("You signed in at a new browser: {device}"),
        AuditKind.IMPERSONATION_BEGUN: gettext_noop(
            "Our staff looked at your account. Reason: {reason}"
        ),
        AuditKind.IMPERSONATION_ENDED: gettext_noop("Our staff stopped looking at your account"),
    }
)
_BY_STAFF: Final[Mapping[AuditKind, str]] = MappingProxyType(
    {
        AuditKind.SECOND_FACTOR_REMOVED: gettext_noop(
            "Our staff removed your two-factor. Reason: {reason}"
        )
    }
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
    provider = PROVIDER_NAMES.get(str(event.details.get("provider", "")), _("A provider"))
    return _(words).format(
        provider=provider,
        minutes=event.details.get("minutes", _("some")),
        reason=event.details.get("reason", _("none was given")),
        name=event.details.get("name", ""),
        device=device_words(str(event.details.get("device", ""))),
    )
