"""Time that passes for what is held, by the database's clock, which no test can set."""

from datetime import timedelta

from django.db.models import F

from billing.models import Reservation


def pass_time(*, seconds: float) -> None:
    """Let every reservation be so much older."""
    Reservation.objects.update(lapses_at=F("lapses_at") - timedelta(seconds=seconds))
