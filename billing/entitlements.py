"""From grants, the catalogue and a moment to what an account may do, and why."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from billing.catalogue import Catalogue
from billing.overrides import (
    OverrideSpan,
    features_with,
    limits_with,
    live_overrides,
    why_overridden,
)
from billing.tiers import Tier
from netra.words import gettext, gettext_noop, moment_words


class GrantKind(StrEnum):
    PROVIDER = "provider"
    DOMAIN = "domain"
    TRIAL = "trial"
    SUBSCRIPTION = "subscription"
    MANUAL = "manual"
    COMPENSATION = "compensation"


_BY = {
    GrantKind.PROVIDER: gettext_noop("by the account you sign in with"),
    GrantKind.DOMAIN: gettext_noop("by your organisation's address"),
    GrantKind.TRIAL: gettext_noop("by a trial"),
    GrantKind.SUBSCRIPTION: gettext_noop("by your subscription"),
    GrantKind.MANUAL: gettext_noop("by a grant from our staff"),
    GrantKind.COMPENSATION: gettext_noop("as a compensation"),
}
_KINDS = list(GrantKind)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSpan:
    """A grant as far as it counts: kind and tier in the half-open time [starts_at, ends_at)."""

    kind: GrantKind
    tier: Tier
    starts_at: datetime
    ends_at: datetime | None

    def live(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    tier: Tier
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What an account may do at a moment; a limit of None is unlimited.

    `base_tier` leaves trials out. `next_change` is the next moment at which, left alone, tier,
    base tier, trial, limits or features will differ; None when they never will. `overridden` are
    the limits and features that no tier decides, but an exception from staff.
    """

    tier: Tier
    base_tier: Tier
    trial: Trial | None
    limits: Mapping[str, int | None]
    features: frozenset[str]
    why: str
    next_change: datetime | None
    overridden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStep:
    """A change of the effective tier that time alone brought."""

    at: datetime
    tier: Tier


def entitlements(
    grants: Collection[GrantSpan],
    catalogue: Catalogue,
    at: datetime,
    *,
    overrides: Collection[OverrideSpan] = (),
) -> Entitlements:
    """The whole answer for one account; the order of grants and overrides does not matter."""
    tier = effective_tier(grants, at)
    live = live_overrides(overrides, at)
    return Entitlements(
        tier=tier,
        base_tier=_base_tier(grants, at),
        trial=_trial(grants, at),
        limits=limits_with(catalogue.limits_of(tier, at), live),
        features=features_with(catalogue.features_of(tier), live),
        why=" ".join(filter(None, (_why(grants, at), why_overridden(live)))),
        next_change=_next_change(grants, overrides, catalogue, at),
        overridden=frozenset(override.feature for override in live),
    )


def effective_tier(grants: Collection[GrantSpan], at: datetime) -> Tier:
    """The highest live grant; free without one."""
    return max((grant.tier for grant in grants if grant.live(at)), default=Tier.FREE)


def tier_steps(
    grants: Collection[GrantSpan], since: datetime, until: datetime
) -> Iterator[TierStep]:
    """Every change of the effective tier in (since, until] that no one had to make."""
    tier = effective_tier(grants, since)
    for moment in boundaries(grants):
        if since < moment <= until:
            after = effective_tier(grants, moment)
            if after is not tier:
                yield TierStep(at=moment, tier=after)
            tier = after


def boundaries(spans: Collection[GrantSpan] | Collection[OverrideSpan]) -> list[datetime]:
    """Every moment at which a grant or an override begins or ends to count, in order."""
    moments = {span.starts_at for span in spans}
    moments.update(span.ends_at for span in spans if span.ends_at is not None)
    return sorted(moments)


def _base_tier(grants: Collection[GrantSpan], at: datetime) -> Tier:
    return effective_tier([grant for grant in grants if grant.kind is not GrantKind.TRIAL], at)


def _trial(grants: Collection[GrantSpan], at: datetime) -> Trial | None:
    winner = _winner([grant for grant in grants if grant.kind is GrantKind.TRIAL], at)
    if winner is None:
        return None
    return Trial(tier=winner.tier, starts_at=winner.starts_at, ends_at=winner.ends_at)


def _winner(grants: Collection[GrantSpan], at: datetime) -> GrantSpan | None:
    """The live grant that decides: the highest, then what outlasts a trial, then the longest."""
    return max(
        (grant for grant in grants if grant.live(at)),
        key=lambda grant: (
            grant.tier.rank,
            grant.kind is not GrantKind.TRIAL,
            grant.ends_at or _NEVER,
            -_KINDS.index(grant.kind),
            grant.starts_at,
        ),
        default=None,
    )


def _why(grants: Collection[GrantSpan], at: datetime) -> str:
    winner = _winner(grants, at)
    if winner is None or winner.tier is Tier.FREE:
        return _why_free(grants, at)
    told = {"tier": winner.tier.capitalize(), "by": gettext(_BY[winner.kind])}
    end = winner.ends_at
    if end is None:
        return gettext("%(tier)s plan %(by)s.") % told
    after = effective_tier(grants, end)
    told |= {"end": moment_words(end), "after": after.words}
    if after is winner.tier:
        return gettext("%(tier)s plan %(by)s until %(end)s, which goes on.") % told
    return gettext("%(tier)s plan %(by)s until %(end)s, then the %(after)s plan.") % told


def _why_free(grants: Collection[GrantSpan], at: datetime) -> str:
    trials = [(g.ends_at, g.tier) for g in grants if g.kind is GrantKind.TRIAL and g.ends_at]
    ended = [(end, tier) for end, tier in trials if end <= at]
    if not ended:
        return gettext("Free plan: nothing on this account grants a higher one.")
    end, tier = max(ended)
    words = gettext(
        "Free plan: your %(tier)s trial ended on %(end)s; all that was written stays readable."
    )
    return words % {"tier": tier.capitalize(), "end": moment_words(end)}


def _next_change(
    grants: Collection[GrantSpan],
    overrides: Collection[OverrideSpan],
    catalogue: Catalogue,
    at: datetime,
) -> datetime | None:
    def compared(moment: datetime) -> object:
        tier = effective_tier(grants, moment)
        live = live_overrides(overrides, moment)
        limits = limits_with(catalogue.limits_of(tier, moment), live)
        features = features_with(catalogue.features_of(tier), live)
        return (
            *(tier, _base_tier(grants, moment), _trial(grants, moment)),
            *(tuple(limits.items()), features),
        )

    now = compared(at)
    moments = {*boundaries(grants), *boundaries(overrides), *_versions_from(catalogue)}
    later = sorted(moment for moment in moments if moment > at)
    return next((moment for moment in later if compared(moment) != now), None)


def _versions_from(catalogue: Catalogue) -> set[datetime]:
    starts = {version.valid_from for version in catalogue.versions}
    return starts | {v.valid_until for v in catalogue.versions if v.valid_until is not None}
