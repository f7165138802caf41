"""How much each tier may attach."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from billing.tiers import Tier

MIB: Final = 1024 * 1024


class Allowance(Struct, frozen=True, kw_only=True):
    """Bytes of one file, and of all files of one thread."""

    file_bytes: int
    thread_bytes: int


# No file is larger than the analysis of usage reads at once (SPEC §7: 20 MiB).
ALLOWANCES: Final[Mapping[Tier, Allowance]] = MappingProxyType(
    {
        Tier.FREE: Allowance(file_bytes=10 * MIB, thread_bytes=50 * MIB),
        Tier.EARLY: Allowance(file_bytes=20 * MIB, thread_bytes=200 * MIB),
        Tier.MID: Allowance(file_bytes=20 * MIB, thread_bytes=500 * MIB),
        Tier.ENTERPRISE: Allowance(file_bytes=20 * MIB, thread_bytes=2048 * MIB),
    }
)
