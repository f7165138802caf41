"""What accounts knows of a user, as it leaves Netra in an export."""

from collections.abc import Iterator, Mapping

from allauth.mfa.models import Authenticator

from accounts.models import ApiToken, AuditEvent, IdentityEvidence, SessionRecord, User
from accounts.security_log import own_network

_IDENTITY = ("provider", "subject", "address", "verified", "hosted_domain")
_SEEN = ("first_seen_at", "last_seen_at", "unlinked_at")


def tables_of(user: User) -> Mapping[str, Iterator[Mapping[str, object]]]:
    """Rows by the name of their table, read as they are asked for."""
    account = User.objects.filter(pk=user.pk).values(
        *("public_id", "email", "name", "language", "mailbox_kind"),
        *("joined_by", "date_joined", "verified_at"),
    )
    identities = IdentityEvidence.objects.filter(user=user).values(*_IDENTITY, *_SEEN)
    sessions = SessionRecord.objects.filter(user=user).values(
        "device", "network", "signed_in_at", "used_at"
    )
    tokens = ApiToken.objects.filter(user=user).values(
        "name", "scope", "created_at", "used_at", "expires_at", "revoked_at"
    )
    factors = Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")
    return {
        "account": account.iterator(),
        "identities": identities.iterator(),
        "sessions": sessions.iterator(),
        "api_tokens": tokens.iterator(),
        "two_factor": factors.iterator(),
        "security_log": _events(user),
    }


def _events(user: User) -> Iterator[Mapping[str, object]]:
    for event in AuditEvent.objects.filter(user=user).iterator():
        network = own_network(event)
        yield {"at": event.at, "kind": event.kind, "network": network, "details": event.details}
