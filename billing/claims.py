"""The one writer of claims: who has had a trial of a tier, known again by keyed hashes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from billing.entitlements import GrantKind
from billing.errors import TrialRefusal, TrialRefused
from billing.models import Grant, KnownIdentity, TrialClaim
from billing.tiers import Tier
from billing.trials import ClaimKind, organisation_of

if TYPE_CHECKING:
    from accounts.models import User

# In one order everywhere, so that two transactions never wait for each other's claims in a circle.
_CLAIM = """
INSERT INTO billing_trialclaim (kind, digest, tier, place, user_id, at)
SELECT one.kind, one.digest, %(tier)s, 1, %(user)s, %(at)s
FROM unnest(%(kinds)s::text[], %(digests)s::text[]) AS one (kind, digest)
ORDER BY one.kind, one.digest
ON CONFLICT (kind, digest, tier, place) DO NOTHING
"""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Something by which a person or an organisation is known again."""

    kind: ClaimKind
    digest: str


def claim(user: "User", tier: Tier, *, at: datetime) -> None:
    """Take the one trial of a tier for the person; TrialRefused when it has been taken before.

    Waits for another transaction that is taking the same, and sees what became of it.
    """
    subjects = _subjects_of(user)
    if _insert(user, tier, subjects, at) < len(subjects):
        raise TrialRefused(TrialRefusal.ALREADY_USED)


def claim_place(user: "User", tier: Tier, *, places: int | None, at: datetime) -> None:
    """Count the trial for the organisation of the address; TrialRefused when it had all of them.

    None is any number. After `claim`, as everywhere.
    """
    name = organisation_of(user.canonical_address, user.mailbox_kind)
    if name is None:
        return
    known = digests_of(ClaimKind.ORGANISATION, name)
    with connection.cursor() as cursor:
        # The unique constraint would refuse who counted at the same time; the lock lets them wait.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [known[0]])
    taken = TrialClaim.objects.filter(
        kind=ClaimKind.ORGANISATION, digest__in=known, tier=tier
    ).count()
    if places is not None and taken >= places:
        raise TrialRefused(TrialRefusal.ORGANISATION)
    TrialClaim.objects.create(
        kind=ClaimKind.ORGANISATION,
        digest=known[0],
        tier=tier,
        place=taken + 1,
        user=user,
        at=at,
    )


def remember(user: "User") -> None:
    """Know somebody who had trials again by what has come to their account since."""
    trials = Grant.objects.filter(user=user, kind=GrantKind.TRIAL).order_by("tier")
    tiers = list(trials.values_list("tier", flat=True).distinct())
    subjects = _subjects_of(user) if tiers else []
    for tier in tiers:
        _insert(user, tier, subjects, timezone.now())


def add_identity(user: "User", name: str) -> None:
    """Know an account by an identity from now on, also when it is unlinked."""
    KnownIdentity.objects.bulk_create(
        [
            KnownIdentity(user=user, digest=digest)
            for digest in digests_of(ClaimKind.IDENTITY, name)
        ],
        ignore_conflicts=True,
    )
    remember(user)


def digests_of(kind: ClaimKind, name: str) -> list[str]:
    """Under the present key, and under those before it, by which earlier claims are found."""
    return [
        salted_hmac(f"billing.trial.{kind}", name, secret=key, algorithm="sha256").hexdigest()
        for key in (None, *settings.SECRET_KEY_FALLBACKS)
    ]


def _subjects_of(user: "User") -> list[Subject]:
    known = KnownIdentity.objects.filter(user=user).values_list("digest", flat=True)
    subjects = [Subject(ClaimKind.IDENTITY, digest) for digest in known]
    # A stranger's address that nobody has proven is not used up.
    if user.verified_at is not None:
        mailbox = digests_of(ClaimKind.MAILBOX, user.canonical_address)
        subjects += [Subject(ClaimKind.MAILBOX, digest) for digest in mailbox]
    return subjects


def _insert(user: "User", tier: Tier, subjects: Collection[Subject], at: datetime) -> int:
    values: dict[str, list[str] | str | int | datetime] = {
        "kinds": [subject.kind.value for subject in subjects],
        "digests": [subject.digest for subject in subjects],
        "tier": tier.value,
        "user": user.pk,
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        return int(cursor.rowcount)
