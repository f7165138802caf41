"""News of accounts for the rooms above, sent after commit."""

from django.dispatch import Signal

# user_id: UserID as str; session_key: str of the one session that ended, None when all did.
access_ended = Signal()
