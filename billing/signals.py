"""News of billing for the rooms above, sent after commit."""

from django.dispatch import Signal

# user_id: UserID of the account whose entitlements may have changed.
entitlements_changed = Signal()
