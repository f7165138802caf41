"""Exceptions from the tiers, made for one account and ended."""

from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from billing import ledger
from billing.catalogue import WINDOWS
from billing.errors import OverrideRefusal, OverrideRefused
from billing.models import Feature, FeatureOverride
from billing.refusals import override_refusals

if TYPE_CHECKING:
    from accounts.models import User


def override_feature(
    *,
    user: "User",
    feature: str,
    value: int | None,
    starts_at: datetime,
    ends_at: datetime | None,
    reason: str,
    actor: "User | None",
) -> FeatureOverride:
    """Give an account another limit, or allow (1) or deny (0) a feature, whatever its tier.

    `value` None is unlimited, `ends_at` None open. Raises OverrideRefused.
    """
    if feature not in WINDOWS and not Feature.objects.filter(name=feature).exists():
        raise OverrideRefused(OverrideRefusal.UNKNOWN_FEATURE)
    with override_refusals(), ledger.exception(user=user) as moment:
        return FeatureOverride.objects.create(
            user=user,
            feature=feature,
            value=value,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason.strip(),
            actor=actor,
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
            created_at=moment,
        )


def end_override(*, override: FeatureOverride, reason: str, actor: "User | None") -> None:
    """Let an exception count no more from now on; one that was ended stays as it was."""
    with override_refusals(), ledger.exception(user=override.user) as moment:
        FeatureOverride.objects.filter(pk=override.pk, ended_at=None).update(
            ended_at=max(moment, override.starts_at),
            ended_by=actor,
            end_reason=reason.strip(),
        )
    override.refresh_from_db()
