"""The operators' pages of billing; importing them puts them into Django's admin."""

from billing.admin import grants, limits, records, trials

__all__ = ["grants", "limits", "records", "trials"]
