"""Refusals of billing: whose limit or rule it is, and what would lift it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from billing.tiers import Tier
from netra.words import gettext, gettext_noop


class BillingError(Exception):
    """Base of every refusal: a limit or rule of the account, not a fault of ours."""


class LimitReached(BillingError):
    """The account's limit leaves no room.

    `resets_at` is None for places, which come back when they are given back; `required_tier` is
    the lowest tier whose limit suffices, None when no tier's does. An unknown feature has limit 0.
    """

    def __init__(
        self,
        *,
        feature: str,
        limit: int,
        used: int,
        resets_at: datetime | None,
        required_tier: Tier | None,
    ) -> None:
        super().__init__(feature, limit, used)
        self.feature = feature
        self.limit = limit
        self.used = used
        self.resets_at = resets_at
        self.required_tier = required_tier

    def __str__(self) -> str:
        return f"{self.feature}: {self.used} of {self.limit} used"


class UnknownReservation(BillingError):
    """No reservation was ever made under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class GrantRefusal(StrEnum):
    ALREADY_APPROVED = "already_approved"
    DAYS_OF_TRIAL = "days_of_trial"
    ENTERPRISE_BY_PROVIDER = "enterprise_by_provider"
    NO_APPROVAL_NEEDED = "no_approval_needed"
    NO_PERIOD = "no_period"
    NO_REASON = "no_reason"
    OWN_ACCOUNT = "own_account"
    REVOKED = "revoked"
    SAME_PERSON = "same_person"
    SOURCE_OVERLAPS = "source_overlaps"
    SUBSCRIPTION_OVERLAPS = "subscription_overlaps"
    TOO_LATE = "too_late"
    TRIAL_OVERLAPS = "trial_overlaps"


REFUSAL_WORDS: Mapping[GrantRefusal, str] = MappingProxyType(
    {
        GrantRefusal.ALREADY_APPROVED: "This grant has been approved before.",
        GrantRefusal.DAYS_OF_TRIAL: "A trial lasts between 1 and 30 days, extensions included.",
        GrantRefusal.ENTERPRISE_BY_PROVIDER: "A sign-in provider never grants enterprise.",
        GrantRefusal.NO_APPROVAL_NEEDED: "Only an enterprise grant is approved.",
        GrantRefusal.NO_PERIOD: "A grant ends after it starts.",
        GrantRefusal.NO_REASON: "A reason is needed.",
        GrantRefusal.OWN_ACCOUNT: "Nobody grants to their own account.",
        GrantRefusal.REVOKED: "This grant has been revoked.",
        GrantRefusal.SAME_PERSON: "A second person approves an enterprise grant.",
        GrantRefusal.SOURCE_OVERLAPS: "The same source already grants this in that time.",
        GrantRefusal.SUBSCRIPTION_OVERLAPS: "The account has a subscription in that time.",
        GrantRefusal.TOO_LATE: "An enterprise grant is approved within 7 days, or given anew.",
        GrantRefusal.TRIAL_OVERLAPS: "The account has a trial in that time.",
    }
)


class GrantRefused(BillingError):
    """A grant that a rule forbids; nothing has changed."""

    def __init__(self, reason: GrantRefusal) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return REFUSAL_WORDS[self.reason]


class TrialRefusal(StrEnum):
    ALREADY_USED = "already_used"
    BASE_TIER = "base_tier"
    DAYS_OF_TRIAL = "days_of_trial"
    DISPOSABLE_MAIL = "disposable_mail"
    NO_REASON = "no_reason"
    NO_TRIAL = "no_trial"
    NOT_OFFERED = "not_offered"
    NOT_VERIFIED = "not_verified"
    ORGANISATION = "organisation"
    OWN_ACCOUNT = "own_account"
    TRIAL_OVERLAPS = "trial_overlaps"


TRIAL_REFUSAL_WORDS: Mapping[TrialRefusal, str] = MappingProxyType(
    {
        TrialRefusal.ALREADY_USED: "There is one trial of a plan for each person.",
        TrialRefusal.BASE_TIER: "The account already has this plan, or a higher one.",
        TrialRefusal.DAYS_OF_TRIAL: REFUSAL_WORDS[GrantRefusal.DAYS_OF_TRIAL],
        TrialRefusal.DISPOSABLE_MAIL: "There is no trial for a disposable address.",
        TrialRefusal.NO_REASON: REFUSAL_WORDS[GrantRefusal.NO_REASON],
        TrialRefusal.NO_TRIAL: "The account has no running trial.",
        TrialRefusal.NOT_OFFERED: "No trial is offered for this account.",
        TrialRefusal.NOT_VERIFIED: "The address has to be verified first.",
        TrialRefusal.ORGANISATION: "This organisation has had all of its trials.",
        TrialRefusal.OWN_ACCOUNT: "Nobody extends their own trial.",
        TrialRefusal.TRIAL_OVERLAPS: REFUSAL_WORDS[GrantRefusal.TRIAL_OVERLAPS],
    }
)


class TrialRefused(BillingError):
    """No trial, or no longer one, for this account; nothing has changed."""

    def __init__(self, reason: TrialRefusal) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return TRIAL_REFUSAL_WORDS[self.reason]


class OverrideRefusal(StrEnum):
    NO_PERIOD = "no_period"
    NO_REASON = "no_reason"
    OVERLAPS = "overlaps"
    OWN_ACCOUNT = "own_account"
    UNKNOWN_FEATURE = "unknown_feature"
    VALUE = "value"


OVERRIDE_REFUSAL_WORDS: Mapping[OverrideRefusal, str] = MappingProxyType(
    {
        OverrideRefusal.NO_PERIOD: "An override ends after it starts.",
        OverrideRefusal.NO_REASON: REFUSAL_WORDS[GrantRefusal.NO_REASON],
        OverrideRefusal.OVERLAPS: "The account has an override of this in that time.",
        OverrideRefusal.OWN_ACCOUNT: "Nobody overrides anything for their own account.",
        OverrideRefusal.UNKNOWN_FEATURE: "There is no such limit or feature.",
        OverrideRefusal.VALUE: (
            "A limit is a number from 0, or empty for unlimited; a feature is 1 or 0."
        ),
    }
)


class OverrideRefused(BillingError):
    """An exception that a rule forbids; nothing has changed."""

    def __init__(self, reason: OverrideRefusal) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return OVERRIDE_REFUSAL_WORDS[self.reason]


class PaymentRefusal(StrEnum):
    ALREADY_PAYS = "already_pays"
    BUSY = "busy"
    NOT_A_CUSTOMER = "not_a_customer"
    NOT_CONFIGURED = "not_configured"
    NOT_SOLD = "not_sold"
    OTHER_PRICE = "other_price"


PAYMENT_REFUSAL_WORDS: Mapping[PaymentRefusal, str] = MappingProxyType(
    {
        PaymentRefusal.ALREADY_PAYS: gettext_noop("The account has a subscription already."),
        PaymentRefusal.BUSY: gettext_noop(
            "Another window is opening the payment page. Please try again."
        ),
        PaymentRefusal.NOT_A_CUSTOMER: gettext_noop("The account has never paid for anything."),
        PaymentRefusal.NOT_CONFIGURED: gettext_noop(
            "Payments are not configured; please ask the operator."
        ),
        PaymentRefusal.NOT_SOLD: gettext_noop("This plan is not sold at this price now."),
        PaymentRefusal.OTHER_PRICE: gettext_noop(
            "The payment provider has no such price of this amount."
        ),
    }
)


class PaymentRefused(BillingError):
    """A payment that a rule forbids; nothing has changed."""

    def __init__(self, reason: PaymentRefusal) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return gettext(PAYMENT_REFUSAL_WORDS[self.reason])


class UnknownPrice(BillingError):
    """Somebody pays a price that no row names, so that nobody knows for which plan."""

    def __init__(self, prices: tuple[str, ...]) -> None:
        super().__init__(prices)
        self.prices = prices

    def __str__(self) -> str:
        return f"no price row for {', '.join(self.prices)}"


class ProviderFailed(BillingError):
    """The payment provider did not answer, or not as it should: its fault or ours, to be retried.

    `problem` is for operators, and names no secret.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class WebhookRefused(BillingError):
    """What came is no news from the payment provider, or too old to be told from a repetition."""
