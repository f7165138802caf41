"""How often a network may knock and an address be mailed; lost with the bus, and then open."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone


def take(limit: str, who: str) -> int | None:
    """Count one use of a limit of settings.ACCOUNTS_LIMITS; seconds to wait when it is used up.

    A window of fixed length, counted by one atomic increment: parallel requests never wait for
    each other here.
    """
    amount, window_s = settings.ACCOUNTS_LIMITS[limit]
    now = int(timezone.now().timestamp())
    key = f"accounts:limit:{limit}:{who}:{now // window_s}"
    cache.add(key, 0, timeout=window_s)
    try:
        used = cache.incr(key)
    except ValueError:  # the bus went away, or lost the key, between the two
        return None
    return window_s - now % window_s if used is not None and used > amount else None


def network_of(address: str) -> str:
    """One name for all addresses that one subscriber holds: an IPv6 line is a /64."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
