"""Sessions whose time is over, and what was noted of sessions that are gone."""

from datetime import timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import SessionRecord

PRUNED_AT_ONCE_MAX: Final = 1000
# A record may be stored a moment before its session.
RECORD_LIFE: Final = timedelta(days=1)


def prune_sessions() -> int:
    """Delete some of the sessions that open nothing any more; gives how many."""
    over = Session.objects.filter(expire_date__lt=timezone.now())
    keys = list(over.values_list("pk", flat=True)[:PRUNED_AT_ONCE_MAX])
    # Asked again: one may have been used, and lasts, meanwhile.
    gone, _by_model = over.filter(pk__in=keys).delete()
    return gone


def prune_records() -> int:
    """Delete some of the notes of sessions that are gone; gives how many."""
    session = Session.objects.filter(pk=OuterRef("session_key"))
    left = SessionRecord.objects.filter(
        ~Exists(session), used_at__lt=timezone.now() - RECORD_LIFE
    ).values_list("pk", flat=True)
    gone, _by_model = SessionRecord.objects.filter(pk__in=list(left[:PRUNED_AT_ONCE_MAX])).delete()
    return gone
