"""Which addresses outside Netra may call on an operator's word: never its own network by accident.

An operator who enters an address in the admin is not one who may look around in the network that
the servers stand in. What is checked is the address that is connected to, not a name: names may
change what they mean between a check and a connection.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

RESOLVED_WITHIN_S: Final = 5.0
URL_CHARS_MAX: Final = 500
PORTS: Final = {"https": 443, "http": 80}

# Global unicast (RFC 4291 §2.4): everything else is local, reserved or not given out.
GLOBAL: Final = IPv6Network("2000::/3")
# Carries an IPv4 address in its last 32 bits (RFC 6052 §2.1).
NAT64: Final = IPv6Network("64:ff9b::/96")
# Protocol assignments (RFC 6890 §2.2.2), which older Pythons take for public.
PROTOCOLS: Final = IPv4Network("192.0.0.0/24")
# A cloud's own service behind an address that looks public.
CLOUD_SERVICES: Final = frozenset({IPv4Address("168.63.129.16")})

Address = IPv4Address | IPv6Address


class OutboundRefused(Exception):
    """Netra does not call this address; `problem` is one sentence for an operator."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def check_url(url: str) -> None:
    """Refuse what can be refused without asking the network; raises OutboundRefused."""
    host = _host_of(url)
    try:
        literal = ip_address(host)
    except ValueError:
        return
    check_addresses(host, [literal])


def is_private_allowed(host: str) -> bool:
    """Whether this host may be in a network of our own, and be spoken to without TLS."""
    return settings.NETRA_ALLOW_PRIVATE_URLS or host.lower() in settings.NETRA_PRIVATE_HOSTS


def is_public(address: Address) -> bool:
    """Whether anybody in the internet could call it as well."""
    if isinstance(address, IPv4Address):
        is_special = address.is_multicast or address in PROTOCOLS or address in CLOUD_SERVICES
        return address.is_global and not is_special
    inner = _carried(address)
    if inner is not None:
        return is_public(inner)
    return address in GLOBAL and address.is_global


def check_addresses(host: str, addresses: Sequence[Address]) -> None:
    """Raises OutboundRefused when one of a host's addresses may not be called."""
    is_allowed = is_private_allowed(host)
    for address in addresses:
        if _is_never_called(address):
            raise OutboundRefused(f"{host} is the address of a cloud's own services.")
        if not is_allowed and not is_public(address):
            raise OutboundRefused(
                f"{host} is in a private network; the operator of the servers can allow it with "
                "NETRA_PRIVATE_HOSTS."
            )


async def addresses_of(host: str, port: int) -> list[Address]:
    """Where a host is at this moment, all of it allowed; raises OutboundRefused."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVED_WITHIN_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise OutboundRefused(f"The name {host} leads nowhere.") from None
    # A scope (fe80::1%eth0) belongs to an address that is refused without it, too.
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    check_addresses(host, addresses)
    return addresses


async def check_reachable(url: str) -> None:
    """`check_url`, and where its name leads at this moment; raises OutboundRefused."""
    host = _host_of(url)
    parts = urlsplit(url)
    await addresses_of(host, parts.port or PORTS[parts.scheme])


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise OutboundRefused("This is no address of a web service.") from None
    if len(url) > URL_CHARS_MAX or not url.isprintable() or " " in url:
        raise OutboundRefused("This is no address of a web service.")
    if parts.scheme not in PORTS or not host or port == 0:
        raise OutboundRefused("The address must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise OutboundRefused("Keys belong into their own field, not into the address.")
    if parts.scheme == "http" and not is_private_allowed(host):
        raise OutboundRefused("The address must begin with https://: what is sent holds a key.")
    return host


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a call of this one reaches, where it is a translation of one."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None


def _is_never_called(address: Address) -> bool:
    """Link-local: a cloud answers there with the keys of the machine that asks."""
    if isinstance(address, IPv6Address):
        inner = _carried(address)
        return address.is_link_local if inner is None else _is_never_called(inner)
    return address.is_link_local or address in CLOUD_SERVICES
