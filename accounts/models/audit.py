"""What was done to accounts, and who failed to open one."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone


class AuditKind(models.TextChoices):
    SIGNED_UP = "signed_up"
    SIGN_UP_CLAIM = "sign_up_claim", "sign-up sent unasked fields"
    VERIFIED = "verified", "address verified"
    ADDRESS_CHANGED = "address_changed", "address changed by its user"
    LOCKED_OUT = "locked_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a kind of event
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_UNLINKED = "identity_unlinked"
    IDENTITY_CONFLICT = "identity_conflict", "identity came with another address"
    LINK_REFUSED = "link_refused"
    CLAIM_EVICTED = "claim_evicted", "unproven claim of an address evicted"
    PROVIDER_REFUSED = "provider_refused", "sign-in by a provider refused"
    ACCOUNT_DELETED = "account_deleted"
    SESSION_ENDED = "session_ended", "session ended by its user"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"
    DATA_EXPORTED = "data_exported"
    SESSION_IDLE = "session_idle", "session ended that nobody used"
    TOKEN_CREATED = "token_created", "API token made"
    TOKEN_REVOKED = "token_revoked", "API token revoked"
    NEW_BROWSER = "new_browser", "signed in at a browser not known before"
    IMPERSONATION_BEGUN = "impersonation_begun", "staff began to look as the user"
    IMPERSONATION_ENDED = "impersonation_ended", "staff stopped looking as the user"


class AuditEvent(models.Model):
    """Something done to or by an account; append-only, refused otherwise by the database."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    kind = models.CharField(max_length=32, choices=AuditKind.choices, editable=False)
    # Users are anonymised, never deleted, so that what was done stays attached to somebody.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="audit_events",
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="acts",
    )
    # Ties events about an address that has no user together without storing the address.
    address_hash = models.CharField(max_length=64, blank=True, editable=False)
    network = models.GenericIPAddressField(null=True, editable=False)
    request_id = models.CharField(max_length=48, blank=True, editable=False)
    details = models.JSONField(default=dict, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-at"], name="audit_user_newest"),
            models.Index(fields=["kind", "-at"], name="audit_kind_newest"),
            models.Index(fields=["-at"], name="audit_newest"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(
                name="audit_event_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            pgtrigger.Trigger(
                name="audit_event_no_truncate",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'audit events are append-only';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M:%S}"


class LoginFailure(models.Model):
    """Failed passwords in a row at one address, whether or not it has an account."""

    address_hash = models.CharField(max_length=64, unique=True, editable=False)
    failures = models.PositiveIntegerField(default=0)
    last_failed_at = models.DateTimeField(default=timezone.now, db_index=True)
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.failures} failures, last at {self.last_failed_at:%Y-%m-%d %H:%M:%S}"
