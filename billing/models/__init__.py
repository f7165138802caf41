"""Rows of billing; the database itself refuses whatever may not be."""

from billing.models.accounts import Account
from billing.models.catalogue import Feature, TierLimit
from billing.models.grants import Grant, GrantState
from billing.models.ledger import LedgerHead, TierChange
from billing.models.overrides import FeatureOverride
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
    "Account",
    "Feature",
    "FeatureOverride",
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
