"""Rows of billing; the database itself refuses whatever may not be."""

from billing.models.accounts import Account, Dashboard
from billing.models.bulk import BulkAction
from billing.models.catalogue import Feature, TierLimit
from billing.models.grants import Grant, GrantState
from billing.models.ledger import LedgerHead, TierChange
from billing.models.overrides import FeatureOverride
from billing.models.payments import (
    PROVIDER_ID_MAX,
    Customer,
    Price,
    Subscription,
    WebhookEvent,
)
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
    "PROVIDER_ID_MAX",
    "Account",
    "BulkAction",
    "Customer",
    "Dashboard",
    "Feature",
    "FeatureOverride",
    "Grant",
    "GrantState",
    "KnownIdentity",
    "LedgerHead",
    "Price",
    "Reservation",
    "Subscription",
    "TierChange",
    "TierLimit",
    "TrialClaim",
    "TrialExtension",
    "TrialPolicy",
    "TrialReminder",
    "UsageCounter",
    "UsageWarning",
    "WebhookEvent",
]
