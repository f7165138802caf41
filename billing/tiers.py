"""Tiers in their order."""

from collections.abc import Mapping
from enum import StrEnum

from netra.words import gettext, gettext_noop


class Tier(StrEnum):
    """Compared by rank, and only with another tier."""

    FREE = "free"
    EARLY = "early"
    MID = "mid"
    ENTERPRISE = "enterprise"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def words(self) -> str:
        """Its name within a sentence."""
        return gettext(self.value)

    # A str would compare by letters ("mid" > "enterprise"), silently, with a bare str as well.
    def __lt__(self, other: str) -> bool:
        return self.rank < _tier(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= _tier(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > _tier(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= _tier(other).rank


# As the translations know them.
_NAMES = (
    gettext_noop("free"),
    gettext_noop("early"),
    gettext_noop("mid"),
    gettext_noop("enterprise"),
)
_RANKS: Mapping[Tier, int] = {tier: rank for rank, tier in enumerate(Tier)}


def _tier(other: str) -> Tier:
    if not isinstance(other, Tier):
        raise TypeError(f"a tier is compared with a tier, not with {other!r}")
    return other
