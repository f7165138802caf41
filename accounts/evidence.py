"""What a provider says of somebody, read strictly: whatever is not as it must be is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from accounts.mailbox import classify

PROVIDER_NAMES: Final = MappingProxyType(
    {"google": "Google", "github": "GitHub", "linkedin": "LinkedIn"}
)
# The width of allauth's column for it; OpenID Connect Core 1.0, section 2, allows 255.
SUBJECT_CHARACTERS_MAX: Final = 191
HOSTED_DOMAIN_CHARACTERS_MAX: Final = 253  # RFC 1035, section 2.3.4
# GitHub allows far fewer addresses; more is no answer of theirs.
ADDRESSES_MAX: Final = 100
# Google runs these mailboxes itself, so its word on them is proof.
_GOOGLE_MAILBOXES: Final = frozenset({"gmail.com", "googlemail.com"})


class EvidenceRefused(Exception):
    """A provider's answer is not of the form it has to have; `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Authority(StrEnum):
    """What stands behind an address: nothing, the provider's word, or that it runs the mailbox."""

    NONE = "none"
    ATTESTED = "attested"
    MAILBOX = "mailbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One identity, (issuer, subject), with the address it came with; "" where it has none."""

    provider: str
    issuer: str
    subject: str
    address: str = ""
    verified: bool = False
    hosted_domain: str = ""
    authority: Authority = Authority.NONE


def of_google(claims: Mapping[str, object], *, issuer: str) -> Evidence:
    """Read an ID token of Google's; raises EvidenceRefused."""
    address = _address(claims.get("email"))
    domain = address.rpartition("@")[2]
    hosted = _hosted_domain(claims.get("hd"))
    verified = bool(address) and claims.get("email_verified") is True
    runs_it = domain in _GOOGLE_MAILBOXES or (bool(hosted) and hosted == domain)
    return Evidence(
        provider="google",
        issuer=issuer,
        subject=_subject(claims.get("sub")),
        address=address,
        verified=verified,
        hosted_domain=hosted,
        authority=_authority(verified=verified, runs_it=runs_it),
    )


def of_github(user: Mapping[str, object], addresses: object, *, issuer: str) -> Evidence:
    """Read GitHub's `/user` and `/user/emails`; raises EvidenceRefused.

    The number is the identity: a login name can be given up and taken by somebody else.
    """
    number = user.get("id")
    if type(number) is not int or number <= 0:
        raise EvidenceRefused("subject")
    address, verified = _best_address(addresses, shown=user.get("email"))
    return Evidence(
        provider="github",
        issuer=issuer,
        subject=_subject(str(number)),
        address=address,
        verified=verified,
        authority=_authority(verified=verified, runs_it=False),
    )


def of_linkedin(
    claims: Mapping[str, object], userinfo: Mapping[str, object], *, issuer: str
) -> Evidence:
    """Read an ID token of LinkedIn's and its userinfo, which must agree; raises EvidenceRefused."""
    if userinfo.get("sub") != claims.get("sub"):
        raise EvidenceRefused("subject")
    said = [statement for statement in (claims, userinfo) if "email" in statement]
    addresses = {_address(statement["email"]) for statement in said}
    if len(addresses) > 1:
        raise EvidenceRefused("address")
    address = next(iter(addresses), "")
    verified = bool(address) and all(one.get("email_verified") is True for one in said)
    return Evidence(
        provider="linkedin",
        issuer=issuer,
        subject=_subject(claims.get("sub")),
        address=address,
        verified=verified,
        authority=_authority(verified=verified, runs_it=False),
    )


def _subject(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= SUBJECT_CHARACTERS_MAX:
        raise EvidenceRefused("subject")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise EvidenceRefused("subject")
    return value


def _address(value: object) -> str:
    """The address as a user row holds it; "" for what no mail could reach."""
    if not isinstance(value, str):
        return ""
    try:
        return classify(value.strip()).address
    except ValueError:
        return ""


def _hosted_domain(value: object) -> str:
    if not isinstance(value, str) or len(value) > HOSTED_DOMAIN_CHARACTERS_MAX:
        return ""
    return value.lower() if value.isascii() and value.isprintable() else ""


def _authority(*, verified: bool, runs_it: bool) -> Authority:
    if not verified:
        return Authority.NONE
    return Authority.MAILBOX if runs_it else Authority.ATTESTED


def _best_address(addresses: object, *, shown: object) -> tuple[str, bool]:
    """A verified one, at best the primary; else the primary, else what the profile shows."""
    found = list(_listed(addresses))
    # Verified before not, primary before not; the order of the list decides among equals.
    found.sort(key=lambda entry: (entry[1], entry[2]), reverse=True)
    for address, verified, primary in found:
        if verified or primary:
            return address, verified
    return _address(shown), False


def _listed(addresses: object) -> Iterator[tuple[str, bool, bool]]:
    if not isinstance(addresses, list) or len(addresses) > ADDRESSES_MAX:
        raise EvidenceRefused("addresses")
    for entry in addresses:
        if isinstance(entry, dict) and (address := _address(entry.get("email"))):
            yield address, entry.get("verified") is True, entry.get("primary") is True
