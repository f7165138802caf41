"""What evidence is worth: pure rules over rows that operators edit."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from accounts.mailbox import MailboxKind
from billing.tiers import Tier

# Provider, its tier, and whether mail that anybody can get is worth nothing there.
FIRST_PROVIDER_TIERS: Final = (
    ("google", Tier.FREE, False),
    ("github", Tier.EARLY, False),
    ("linkedin", Tier.MID, True),
)
# Domain, recommends, grants; the empty domain is every business domain.
FIRST_DOMAIN_POLICIES: Final = (("", True, False),)

ANYBODYS: Final = frozenset({MailboxKind.CONSUMER, MailboxKind.RELAY, MailboxKind.DISPOSABLE})
# An operator's row for a domain counts for these; for a mailbox of anybody's it never does.
AN_EMPLOYERS: Final = frozenset({MailboxKind.BUSINESS, MailboxKind.EDUCATION, MailboxKind.UNKNOWN})

_NEXT: Mapping[Tier, Tier] = MappingProxyType({Tier.FREE: Tier.EARLY, Tier.EARLY: Tier.MID})


def provider_grant(
    listed: Tier, *, own_domain_only: bool, verified: bool, kind: MailboxKind | None
) -> Tier | None:
    """The tier that an identity grants; None where its address is not verified."""
    if not verified or kind is None:
        return None
    if own_domain_only and kind in ANYBODYS:
        return Tier.FREE
    return listed


def one_step_up(base: Tier) -> Tier | None:
    """What business mail raises the recommendation to; nothing is above mid without a contract."""
    return _NEXT.get(base)
