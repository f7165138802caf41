"""The operators' pages of billing; importing them puts them into Django's admin."""

from billing.admin import (
    accounts,
    bulk,
    dashboard,
    grants,
    limits,
    overrides,
    payments,
    records,
    trials,
)

__all__ = [
    "accounts",
    "bulk",
    "dashboard",
    "grants",
    "limits",
    "overrides",
    "payments",
    "records",
    "trials",
]
