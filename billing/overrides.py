"""Exceptions that staff made for one account: another value in place of its tier's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from billing.catalogue import WINDOWS, feature_words, limit_words
from netra.words import gettext, moment_words

# Of a feature that is no limit: it is there, or it is not.
DENIED, ALLOWED = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideSpan:
    """A value in the half-open time [starts_at, ends_at); None is unlimited.

    Of a feature that is no limit the value is DENIED or ALLOWED.
    """

    feature: str
    value: int | None
    starts_at: datetime
    ends_at: datetime | None

    def live(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


def live_overrides(overrides: Collection[OverrideSpan], at: datetime) -> tuple[OverrideSpan, ...]:
    """Those that count at a moment, in an order of their own."""
    return tuple(sorted((o for o in overrides if o.live(at)), key=lambda o: o.feature))


def limits_with(
    limits: Mapping[str, int | None], live: Collection[OverrideSpan]
) -> Mapping[str, int | None]:
    """The tier's limits, with another value wherever there is an exception."""
    others = {override.feature: override.value for override in live if override.feature in WINDOWS}
    return MappingProxyType({**limits, **others}) if others else limits


def features_with(features: frozenset[str], live: Collection[OverrideSpan]) -> frozenset[str]:
    """The tier's features, with those that staff allowed and without those they denied."""
    others = {override.feature: override.value for override in live}
    named = {name: value for name, value in others.items() if name not in WINDOWS}
    allowed = {name for name, value in named.items() if value != DENIED}
    return (features - named.keys()) | allowed if named else features


def why_overridden(live: Collection[OverrideSpan]) -> str:
    """One sentence about all of them; empty without any."""
    if not live:
        return ""
    words = gettext("By an exception from our staff: %(exceptions)s.")
    return words % {"exceptions": "; ".join(_words(override) for override in live)}


def value_words(feature: str, value: int | None) -> str:
    """What an override gives, such as "5,000 runs a month" or "without sso"."""
    if feature not in WINDOWS:
        words = gettext("without %(feature)s") if value == DENIED else gettext("with %(feature)s")
        return words % {"feature": feature_words(feature)}
    return limit_words(feature, value)


def _words(override: OverrideSpan) -> str:
    words = value_words(override.feature, override.value)
    end = override.ends_at
    if end is None:
        return words
    return gettext("%(words)s until %(end)s") % {"words": words, "end": moment_words(end)}
