"""The rules of trials: who gets one, of which tier, and what is said as it ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from math import ceil

from publicsuffixlist import PublicSuffixList

from billing.errors import TrialRefusal, TrialRefused
from billing.tiers import Tier
from netra.words import gettext, moment_words

DAY = timedelta(days=1)
# Days before the end on which something is said; 0 is the end itself.
REMINDER_DAYS = (7, 3, 1, 0)
# How long after its end a trial is still spoken of.
OVER_SAID_FOR = timedelta(days=7)
DISPOSABLE = "disposable"
# Mailboxes whose domain stands for one organisation; the others' is shared by strangers.
_ORGANISATION_KINDS = frozenset({"business", "education", "unknown"})
_TESTING = "_testing"


class ClaimKind(StrEnum):
    """By what somebody who had a trial is known again."""

    MAILBOX = "mailbox"
    IDENTITY = "identity"
    ORGANISATION = "organisation"


class TrialEnvironment(StrEnum):
    """For which installations a policy holds: two have rules of their own for NETRA_TESTING."""

    DEVELOPMENT = "development"
    TEST = "test"
    TEST_TESTING = f"test{_TESTING}"
    STAGING = "staging"
    STAGING_TESTING = f"staging{_TESTING}"
    PRODUCTION = "production"

    @property
    def label(self) -> str:
        name, testing, _ = self.partition(_TESTING)
        return f"{name} with NETRA_TESTING" if testing else name


def environment_of(name: str, *, testing: bool) -> TrialEnvironment:
    """The environment whose policies hold."""
    shortened = {TrialEnvironment.TEST, TrialEnvironment.STAGING}
    return TrialEnvironment(f"{name}{_TESTING}" if testing and name in shortened else name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTerms:
    """What a policy says; None is no fallback, and any number of trials."""

    days: int
    fallback_tier: Tier | None
    starts_by_itself: bool
    trials_per_organisation: int | None

    @property
    def length(self) -> timedelta:
        return self.days * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPolicy:
    """A rule to begin with; an empty mailbox kind is every other one."""

    environment: TrialEnvironment
    mailbox_kind: str
    days: int


# First rules; operators edit the rows, not this table.
FIRST_POLICIES: tuple[FirstPolicy, ...] = (
    *(
        FirstPolicy(environment=environment, mailbox_kind=kind, days=days)
        for environment in (
            TrialEnvironment.DEVELOPMENT,
            TrialEnvironment.TEST,
            TrialEnvironment.STAGING,
            TrialEnvironment.PRODUCTION,
        )
        for kind, days in (("business", 30), ("", 14))
    ),
    FirstPolicy(environment=TrialEnvironment.TEST_TESTING, mailbox_kind="", days=7),
    FirstPolicy(environment=TrialEnvironment.STAGING_TESTING, mailbox_kind="", days=7),
)
FIRST_FALLBACK = Tier.EARLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """What the rules ask of an account."""

    verified: bool
    mailbox_kind: str
    recommended_tier: Tier | None
    base_tier: Tier


def trial_tier(applicant: Applicant, terms: TrialTerms) -> Tier:
    """The tier of the trial that the rules give; raises TrialRefused."""
    if applicant.mailbox_kind == DISPOSABLE:
        raise TrialRefused(TrialRefusal.DISPOSABLE_MAIL)
    if not applicant.verified:
        raise TrialRefused(TrialRefusal.NOT_VERIFIED)
    tier = applicant.recommended_tier or terms.fallback_tier
    if tier is None:
        raise TrialRefused(TrialRefusal.NOT_OFFERED)
    if applicant.base_tier >= tier:
        raise TrialRefused(TrialRefusal.BASE_TIER)
    return tier


def organisation_of(address: str, mailbox_kind: str) -> str | None:
    """The domain that an organisation registered, for an address of one."""
    if mailbox_kind not in _ORGANISATION_KINDS:
        return None
    domain = address.rpartition("@")[2]
    # Whoever has a domain has all names below it for nothing.
    return _suffixes().privatesuffix(domain) or domain


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnding:
    """A trial that runs or was over a short while ago, and the plan that follows it."""

    tier: Tier
    starts_at: datetime
    ends_at: datetime
    then: Tier

    def over(self, at: datetime) -> bool:
        return at >= self.ends_at

    def lowers(self) -> bool:
        """Is its end a loss to the account?"""
        return self.then < self.tier

    def headline(self, at: datetime) -> str:
        tier = self.tier.capitalize()
        if self.over(at):
            return gettext("Your %(tier)s trial has ended") % {"tier": tier}
        # Whoever has 6 days and an hour is told of 7 days; the sentence has the very moment.
        days = ceil((self.ends_at - at) / DAY)
        if days <= 1:
            return gettext("Your %(tier)s trial ends within a day") % {"tier": tier}
        words = gettext("Your %(tier)s trial ends in %(days)s days")
        return words % {"tier": tier, "days": days}

    def sentence(self, at: datetime) -> str:
        told = {"end": moment_words(self.ends_at), "then": self.then.words}
        if self.over(at):
            words = gettext(
                "It ended on %(end)s. The account is on the %(then)s plan now: everything that"
                " was written stays readable, and new runs follow the limits of this plan."
            )
            return words % told
        words = gettext(
            "It ends on %(end)s; then the account goes on with the %(then)s plan. Everything"
            " that was written stays readable."
        )
        return words % told


def reminder_due(starts_at: datetime, ends_at: datetime, at: datetime) -> int | None:
    """The last of REMINDER_DAYS that has come; None before the first, and long after the end.

    One that would come at the start, or before it, says nothing new and never comes.
    """
    if at >= ends_at + OVER_SAID_FOR:
        return None
    come = [days for days in REMINDER_DAYS if starts_at < ends_at - days * DAY <= at]
    return min(come, default=None)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
