"""The user row, with what billing must know of it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.base import ModelBase
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.mailbox import MailboxKind, classify
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
    # What the person wants to be called; empty where they did not say.
    name = models.CharField(max_length=80, blank=True)
    # The language of pages and mails; empty for the browser's.
    language = models.CharField(max_length=8, blank=True)
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
        permissions = (
            ("remove_second_factor", "Can remove the second factor of a user who lost it"),
        )
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
