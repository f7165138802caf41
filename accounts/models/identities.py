"""What providers said of users, and what operators say it is worth."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.evidence import SUBJECT_CHARACTERS_MAX, Authority
from billing.fields import TierField
from billing.tiers import Tier


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
