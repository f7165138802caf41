"""Tiers in their order."""

from collections.abc import Mapping
from enum import StrEnum


class Tier(StrEnum):
    """Compared by rank, and only with another tier."""

    FREE = "free"
    EARLY = "early"
    MID = "mid"
    ENTERPRISE = "enterprise"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    # A str would compare by letters ("mid" > "enterprise"), silently, with a bare str as well.
    def __lt__(self, other: str) -> bool:
        return self.rank < _tier(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= _tier(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > _tier(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= _tier(other).rank


_RANKS: Mapping[Tier, int] = {tier: rank for rank, tier in enumerate(Tier)}


def _tier(other: str) -> Tier:
    if not isinstance(other, Tier):
        raise TypeError(f"a tier is compared with a tier, not with {other!r}")
    return other
