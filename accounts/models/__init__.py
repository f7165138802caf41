"""Who you are: users, their identities and sessions, and what was done to their accounts."""

from accounts.models.audit import AuditEvent, AuditKind, LoginFailure
from accounts.models.identities import DomainPolicy, IdentityEvidence, ProviderTier
from accounts.models.sessions import IMPERSONATION_MAX, Impersonation, SessionRecord
from accounts.models.tokens import ApiToken, TokenScope
from accounts.models.users import JoinedBy, User, UserManager, new_user_id

__all__ = [
    "IMPERSONATION_MAX",
    "ApiToken",
    "AuditEvent",
    "AuditKind",
    "DomainPolicy",
    "IdentityEvidence",
    "Impersonation",
    "JoinedBy",
    "LoginFailure",
    "ProviderTier",
    "SessionRecord",
    "TokenScope",
    "User",
    "UserManager",
    "new_user_id",
]
