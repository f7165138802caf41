"""A column that holds a tier and gives a Tier back."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from billing.tiers import Tier

if TYPE_CHECKING:
    _TierColumn = models.CharField[Tier, Tier]
else:
    _TierColumn = models.CharField


class TierField(_TierColumn):
    """Read as a Tier, so that a row is never compared by the letters of its tier."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 16)
        options.setdefault("choices", [(tier.value, tier.value) for tier in Tier])
        super().__init__(**options)

    def from_db_value(self, value: str | None, *_: object) -> Tier | None:
        return None if value is None else Tier(value)

    def to_python(self, value: str | None) -> Tier | None:
        if value in (None, ""):
            return None
        try:
            return Tier(value)
        except ValueError:
            raise ValidationError(f"{value!r} is no tier", code="invalid") from None
