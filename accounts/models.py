"""Who you are: the user row, with what billing must know of it, and what was done to it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.base import ModelBase
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.evidence import SUBJECT_CHARACTERS_MAX, Authority
from accounts.mailbox import MailboxKind, classify
from billing.fields import TierField
from billing.tiers import Tier
from netra.ids import UserID


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new row; without a password one that no password opens. ValueError for no address."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


def new_user_id() -> str:
    return str(UserID.new())


class JoinedBy(models.TextChoices):
    """The road a user came by; only a sign-up must enter a mailed code before signing in."""

    SIGN_UP = "sign_up"
    PROVIDER = "provider"
    STAFF = "staff"
    IMPORT = "import"


class User(AbstractBaseUser, PermissionsMixin):
    """A person; the address is the name, stored in lower case."""

    public_id = models.CharField(max_length=48, unique=True, default=new_user_id, editable=False)
    email = models.EmailField(unique=True, max_length=254)
    canonical_address = models.CharField(max_length=254, db_index=True, editable=False)
    mailbox_kind = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in MailboxKind], editable=False
    )
    # Billing's tier names; empty where nothing is recommended, and never enterprise.
    recommended_tier = models.CharField(max_length=16, blank=True, editable=False)
    joined_by = models.CharField(
        max_length=16, choices=JoinedBy.choices, default=JoinedBy.STAFF, editable=False
    )
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    # From then on nobody is behind the row, and what the person wrote is removed.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Every web process asks by this index for users whose right of entry has changed.
    access_changed_at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    # Raised to end all sessions of the user at once: it is part of what each session is signed by.
    session_generation = models.PositiveIntegerField(default=0, editable=False)
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    is_active = models.BooleanField(default=True, help_text="A deactivated user stays out.")

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_any_case"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_lower_case"
            ),
            models.CheckConstraint(
                condition=~models.Q(canonical_address=""), name="user_canonical_address_known"
            ),
            models.CheckConstraint(
                condition=models.Q(mailbox_kind__in=[kind.value for kind in MailboxKind]),
                name="user_mailbox_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(recommended_tier__in=["", "early", "mid"]),
                name="user_recommended_tier_below_enterprise",
            ),
            models.CheckConstraint(
                condition=models.Q(joined_by__in=JoinedBy.values), name="user_joined_by_known"
            ),
            models.CheckConstraint(
                condition=models.Q(deleted_at=None) | models.Q(is_active=False),
                name="user_deleted_stays_out",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["deleted_at"],
                condition=models.Q(deleted_at__isnull=False),
                name="user_deleted",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Store the row; the facts that follow from the address are stored with it."""
        fields: Collection[str] | None = None if update_fields is None else set(update_fields)
        if fields is None or "email" in fields:
            mailbox = classify(self.email.strip())
            self.email = mailbox.address
            self.canonical_address = mailbox.canonical
            self.mailbox_kind = mailbox.kind.value
            if fields is not None:
                fields = {*fields, "canonical_address", "mailbox_kind"}
        super().save(
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=fields,
        )

    @property
    def may_sign_in(self) -> bool:
        return self.is_active and self.suspended_at is None

    def get_session_auth_hash(self) -> str:
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None) -> str:
        signed = f"{self.password}/{self.session_generation}"
        return salted_hmac(
            "accounts.User.session", signed, secret=secret, algorithm="sha256"
        ).hexdigest()


class AuditKind(models.TextChoices):
    SIGNED_UP = "signed_up"
    SIGN_UP_CLAIM = "sign_up_claim", "sign-up sent unasked fields"
    VERIFIED = "verified", "address verified"
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

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-used_at"], name="session_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.device}, last used at {self.used_at:%Y-%m-%d %H:%M:%S}"


class IdentityEvidence(models.Model):
    """What a provider said of one of its identities; while it is linked, it opens one account."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="identities"
    )
    provider = models.CharField(max_length=32)
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=SUBJECT_CHARACTERS_MAX)
    # As it came first: the same identity with another address is a conflict, not a change.
    address = models.EmailField(max_length=254, blank=True)
    verified = models.BooleanField(default=False)
    hosted_domain = models.CharField(max_length=253, blank=True)
    authority = models.CharField(
        max_length=16, choices=[(authority.value, authority.value) for authority in Authority]
    )
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    unlinked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "identity evidence"
        ordering: ClassVar[list[str]] = ["first_seen_at", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["issuer", "subject"],
                condition=models.Q(unlinked_at=None),
                name="identity_opens_one_account",
            ),
            models.CheckConstraint(
                condition=~models.Q(provider="") & ~models.Q(issuer="") & ~models.Q(subject=""),
                name="identity_named",
            ),
            models.CheckConstraint(
                condition=models.Q(authority__in=[authority.value for authority in Authority]),
                name="identity_authority_known",
            ),
            models.CheckConstraint(
                condition=models.Q(verified=False, authority=Authority.NONE.value)
                | models.Q(verified=True) & ~models.Q(authority=Authority.NONE.value),
                name="identity_authority_if_verified",
            ),
            models.CheckConstraint(
                condition=models.Q(verified=False) | ~models.Q(address=""),
                name="identity_verified_has_address",
            ),
            models.CheckConstraint(
                condition=models.Q(last_seen_at__gte=models.F("first_seen_at")),
                name="identity_seen_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(unlinked_at=None)
                | models.Q(unlinked_at__gte=models.F("first_seen_at")),
                name="identity_unlinked_after_seen",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "first_seen_at"], name="identity_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.address or self.subject}"

    @property
    def grant_source(self) -> str:
        """What a grant is marked with that stands and falls with this identity."""
        return f"identity:{self.pk}"


class ProviderTier(models.Model):
    """The tier that a verified identity of a provider is worth; a provider without a row: free."""

    provider = models.CharField(max_length=32, unique=True)
    tier = TierField()
    own_domain_only = models.BooleanField(
        default=False, help_text="Consumer, relay and disposable mail get free."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(provider=Lower("provider")) & ~models.Q(provider=""),
                name="provider_tier_named_in_lower_case",
            ),
            models.CheckConstraint(
                condition=models.Q(tier__in=[Tier.FREE, Tier.EARLY, Tier.MID]),
                name="provider_tier_below_enterprise",
                violation_error_message="A sign-in provider never grants enterprise.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.tier}"


class DomainPolicy(models.Model):
    """What mail of a domain is worth: one step up, recommended, or granted once it is proven."""

    domain = models.CharField(
        max_length=253,
        unique=True,
        blank=True,
        help_text="Empty: every business domain that has no row of its own.",
    )
    recommends = models.BooleanField(
        default=True, help_text="The next tier is recommended, which is what a trial is of."
    )
    grants = models.BooleanField(
        default=False, help_text="The next tier is granted to who has proven such an address."
    )

    class Meta:
        verbose_name_plural = "domain policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(domain=Lower("domain")), name="domain_policy_lower_case"
            ),
            models.CheckConstraint(
                condition=models.Q(grants=False) | models.Q(recommends=True),
                name="domain_policy_grants_what_it_recommends",
                violation_error_message="What is granted is recommended too.",
            ),
        ]

    def __str__(self) -> str:
        return self.domain or "every business domain"
