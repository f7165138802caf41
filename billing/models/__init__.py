"""Rows of billing; the database itself refuses whatever may not be."""

from billing.models.catalogue import LIMIT_MAX, Feature, TierLimit
from billing.models.grants import Grant, GrantState
from billing.models.ledger import LedgerHead, TierChange
from billing.models.trials import (
    KnownIdentity,
    TrialClaim,
    TrialExtension,
    TrialPolicy,
    TrialReminder,
)
from billing.models.usage import KEY_CHARACTERS_MAX, Reservation, UsageCounter, UsageWarning

__all__ = [
    "KEY_CHARACTERS_MAX",
    "LIMIT_MAX",
    "Feature",
    "Grant",
    "GrantState",
    "KnownIdentity",
    "LedgerHead",
    "Reservation",
    "TierChange",
    "TierLimit",
    "TrialClaim",
    "TrialExtension",
    "TrialPolicy",
    "TrialReminder",
    "UsageCounter",
    "UsageWarning",
]
