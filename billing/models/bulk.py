"""What operators did to many accounts at once."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class BulkAction(models.Model):
    """One action on many accounts for one reason; a form that is sent twice is carried out once."""

    key = models.UUIDField(unique=True)
    title = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    accounts = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    # Of each account its key, whether it was done, and what was said; None while it goes on.
    results = models.JSONField(null=True)

    objects: ClassVar[models.Manager["BulkAction"]] = models.Manager()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.title}: {self.accounts} accounts"
