"""Who gets a trial and for how long, who has had one, and what was said and done about it."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from billing.fields import TierField
from billing.invariants import APPEND_ONLY, NO_TRUNCATE, one_of
from billing.tiers import Tier
from billing.trial_invariants import EXTENSION_CONSTRAINTS, POLICY_CONSTRAINTS, POLICY_TIERS
from billing.trials import REMINDER_DAYS, ClaimKind, TrialEnvironment, TrialTerms


class TrialPolicy(models.Model):
    """One version of the rule for a kind of mailbox in one environment, for a half-open time."""

    environment = models.CharField(
        max_length=16, choices=[(word.value, word.label) for word in TrialEnvironment]
    )
    mailbox_kind = models.CharField(
        max_length=16, blank=True, help_text="Empty is every kind without a rule of its own."
    )
    days = models.PositiveSmallIntegerField(help_text="Of 24 hours each; 1 to 30.")
    fallback_tier = models.CharField(
        max_length=16,
        blank=True,
        choices=[(tier.value, tier.value) for tier in POLICY_TIERS],
        help_text="Of a trial for which nothing is recommended; empty gives none.",
    )
    starts_by_itself = models.BooleanField(
        default=True, help_text="A verified sign-up starts its trial without being asked."
    )
    trials_per_organisation = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="At most so many for one organisation's domain; empty is any number.",
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name_plural = "trial policies"
        constraints = POLICY_CONSTRAINTS

    def __str__(self) -> str:
        return f"{self.environment} {self.mailbox_kind or 'any mailbox'}: {self.days} days"

    @property
    def terms(self) -> TrialTerms:
        return TrialTerms(
            days=self.days,
            fallback_tier=Tier(self.fallback_tier) if self.fallback_tier else None,
            starts_by_itself=self.starts_by_itself,
            trials_per_organisation=self.trials_per_organisation,
        )


class TrialClaim(models.Model):
    """Who has had a trial of a tier, by a keyed hash; outlives the address and is never undone."""

    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in ClaimKind])
    digest = models.CharField(max_length=64)
    tier = TierField()
    # An organisation may have several; a person has one.
    place = models.PositiveIntegerField(default=1)
    # An account with a trial is anonymised, never deleted.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="trial_claims"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind", "digest", "tier", "place"], name="trial_claim_once"
            ),
            one_of("kind", ClaimKind, name="trial_claim_kind_known"),
            one_of("tier", Tier, name="trial_claim_tier_known"),
            models.CheckConstraint(
                condition=models.Q(place=1)
                | models.Q(kind=ClaimKind.ORGANISATION.value, place__gte=1),
                name="trial_claim_person_has_one",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"{self.tier} trial of a {self.kind}"


class KnownIdentity(models.Model):
    """An identity that opened an account, by a keyed hash; kept when it is unlinked."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "known identities"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "digest"], name="known_identity_once")
        ]

    def __str__(self) -> str:
        return f"identity of {self.user_id}"


class TrialExtension(models.Model):
    """Days that staff added to a running trial; append-only."""

    grant = models.ForeignKey("billing.Grant", on_delete=models.PROTECT, related_name="extensions")
    # The account again, so that the database can refuse who extends their own.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    days = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = EXTENSION_CONSTRAINTS
        triggers: ClassVar[list[pgtrigger.Trigger]] = [APPEND_ONLY, NO_TRUNCATE]

    def __str__(self) -> str:
        return f"{self.days} days more"


class TrialReminder(models.Model):
    """One mail about the end of a trial; a trial that is extended is reminded of anew."""

    grant = models.ForeignKey("billing.Grant", on_delete=models.CASCADE, related_name="reminders")
    days_before = models.PositiveSmallIntegerField()
    ends_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    # Until then whoever took it is sending it.
    taken_until = models.DateTimeField()
    # When it was sent, or found to be needless.
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["grant", "ends_at", "days_before"], name="trial_reminder_once"
            ),
            models.CheckConstraint(
                condition=models.Q(days_before__in=REMINDER_DAYS), name="trial_reminder_day_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.days_before} days before the end"
