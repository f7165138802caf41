"""The operators' pages of billing; importing them puts them into Django's admin."""

from billing.admin import accounts, grants, limits, overrides, records, trials

__all__ = ["accounts", "grants", "limits", "overrides", "records", "trials"]
