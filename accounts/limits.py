"""How often a network may knock and an address be mailed; lost with the bus, and then open."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from msgspec import Struct


class Use(Struct, frozen=True, kw_only=True):
    """How a limit stands in its present window; `left` is below 0 where this use was too much."""

    limit: int
    window_s: int
    left: int
    resets_in_s: int


def take(limit: str, who: str) -> int | None:
    """Count one use of a limit; seconds to wait when it is used up."""
    use = count(limit, who)
    return use.resets_in_s if use is not None and use.left < 0 else None


def count(limit: str, who: str) -> Use | None:
    """Count one use of a limit of settings.ACCOUNTS_LIMITS; None where nobody can count now.

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
    left_s = window_s - now % window_s
    use = Use(limit=amount, window_s=window_s, left=amount - (used or 0), resets_in_s=left_s)
    # The cache says nothing where the bus is away.
    return use if used is not None else None


def network_of(address: str) -> str:
    """One name for all addresses that one subscriber holds: an IPv6 line is a /64."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
