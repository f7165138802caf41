"""Sessions as their owners see them, and those in which staff look at an account."""

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

# How long staff may look at an account as its user, at once.
IMPERSONATION_MAX = timedelta(minutes=30)


class SessionRecord(models.Model):
    """Where a session was begun and when it was last used, for whom it belongs to."""

    session_key = models.CharField(max_length=40, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="session_records"
    )
    device = models.CharField(max_length=64)
    network = models.GenericIPAddressField(null=True)
    signed_in_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now)
    # From then on the session opens nothing, unless it is used before; None: never.
    idle_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-used_at"], name="session_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.device}, last used at {self.used_at:%Y-%m-%d %H:%M:%S}"


class Impersonation(models.Model):
    """A session of staff in which everything is shown as a user sees it, and nothing is changed."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    session_key = models.CharField(max_length=40)
    reason = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        permissions = (
            ("impersonate_user", "Can look at an account as its user, without changing anything"),
        )
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["session_key"],
                condition=models.Q(ended_at=None),
                name="impersonation_one_a_session",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    ends_at__gt=models.F("began_at"),
                    ends_at__lte=models.F("began_at") + IMPERSONATION_MAX,
                ),
                name="impersonation_short",
            ),
            models.CheckConstraint(
                condition=~models.Q(user=models.F("actor")), name="impersonation_of_another"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="impersonation_has_reason"),
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("began_at")),
                name="impersonation_ends_after_it_began",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["ends_at"], condition=models.Q(ended_at=None), name="impersonation_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor} as {self.user} from {self.began_at:%Y-%m-%d %H:%M:%S}"
