"""What the two groups of staff may do in billing; limits, rules and prices stay superusers'."""

from collections.abc import Mapping
from types import MappingProxyType

SUPPORT = "support"
BILLING = "billing"

_LOOKED_AT = (
    *("account", "bulkaction", "customer", "feature", "featureoverride", "grant", "price"),
    *("reservation", "subscription", "tierchange", "tierlimit", "trialclaim", "trialextension"),
    *("trialpolicy", "trialreminder", "usagecounter", "usagewarning", "webhookevent"),
)
_LOOK = tuple(f"billing.view_{model}" for model in _LOOKED_AT)

# Support gives nobody anything but days of a trial, which the database counts.
ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SUPPORT: (*_LOOK, "billing.extend_trial"),
        BILLING: (
            *_LOOK,
            "accounts.view_user",  # to find whom a grant is for
            "billing.view_dashboard",
            "billing.export_account",
            "billing.add_grant",
            "billing.approve_grant",
            "billing.revoke_grant",
            "billing.extend_trial",
            "billing.add_featureoverride",
            "billing.end_featureoverride",
            "billing.retry_webhookevent",
        ),
    }
)
