"""Whose account an identity opens: arriving with it, linking and unlinking it.

Each of these runs in one transaction that first locks the identity and its address, so that
parallel arrivals of one person wait for each other and find what the first one made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models.functions import Greatest
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from accounts import selectors, services, standing
from accounts.errors import LinkRefusal, LinkRefused
from accounts.evidence import Evidence
from accounts.models import AuditKind, IdentityEvidence, JoinedBy, User
from billing import services as billing

# Longer than a burst of arrivals of one person takes, shorter than a browser waits.
TURN_WAIT_S = 5
EVICTED_DOMAIN = "evicted.invalid"


def arrive(*, evidence: Evidence) -> User:
    """The account that an identity opens: its own, or a new one where the address is free.

    Raises LinkRefused; nothing has changed then. Who may not sign in is answered like everybody,
    and kept out where the session would begin.
    """
    with _turn(evidence):
        identity = _linked(evidence)
        if identity is not None:
            return _seen_again(identity, evidence)
        if not evidence.address:
            raise LinkRefused(LinkRefusal.NO_ADDRESS)
        owner = User.objects.filter(email=evidence.address).first()
        if owner is not None:
            return _claim(owner, evidence)
        # Twice, since a sign-up by mail takes no turn here.
        return _join(evidence) or _claim(User.objects.get(email=evidence.address), evidence)


def is_new(evidence: Evidence) -> bool:
    """Would the identity make an account, if it arrived now?"""
    known = User.objects.filter(email=evidence.address)
    return bool(evidence.address) and _linked(evidence) is None and not known.exists()


def link(*, user: User, evidence: Evidence) -> IdentityEvidence:
    """Let an identity open the account of somebody who is signed in; raises LinkRefused."""
    with _turn(evidence):
        user = _locked(user)
        identity = _linked(evidence)
        if identity is not None and identity.user_id == user.pk:
            return identity
        owners = User.objects.exclude(pk=user.pk)
        others = bool(evidence.address) and owners.filter(email=evidence.address).exists()
        if identity is not None or others:
            raise LinkRefused(LinkRefusal.OTHER_ACCOUNT)
        services.notify(user=user, about="identity_linked", provider=evidence.provider)
        return _link(user, evidence)


@transaction.atomic
def unlink(*, user: User, identity: IdentityEvidence) -> None:
    """Let an identity open its account no more, and take back what it granted.

    Raises LinkRefused for the last way in.
    """
    user = _locked(user)
    mine = IdentityEvidence.objects.filter(user=user, unlinked_at=None)
    if not user.has_usable_password() and not mine.exclude(pk=identity.pk).exists():
        raise LinkRefused(LinkRefusal.LAST_WAY_IN)
    if not mine.filter(pk=identity.pk).exists():
        return
    _part(identity, reason=f"{identity.provider} was unlinked", actor=user)
    standing.settle(user)
    services.notify(user=user, about="identity_unlinked", provider=identity.provider)


@transaction.atomic
def evict_claim(*, user: User, actor: User | None, reason: str) -> None:
    """Take an unproven address from an account, which is closed with all its sessions."""
    user = _locked(user)
    if user.verified_at is not None or user.is_staff or user.is_superuser:
        raise LinkRefused(LinkRefusal.ADDRESS_TAKEN)
    address_hash = selectors.address_hash(user.email)
    for identity in user.identities.filter(unlinked_at=None):
        _part(identity, reason=reason, actor=actor)
    EmailAddress.objects.filter(user=user).delete()
    user.email = f"{user.public_id}@{EVICTED_DOMAIN}"
    user.is_active = False
    user.session_generation += 1
    user.set_unusable_password()
    user.save()
    services.audit(
        AuditKind.CLAIM_EVICTED, user=user, actor=actor, address_hash=address_hash, reason=reason
    )
    services.end_access(user=user)


@contextmanager
def _turn(evidence: Evidence) -> Iterator[None]:
    """One transaction, alone with the identity and the address."""
    names = [f"identity {evidence.issuer} {evidence.subject}"]
    if evidence.address:
        names.append(f"address {evidence.address}")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{TURN_WAIT_S}s"])
            for name in sorted(names):  # one order for all, or two could wait for each other
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise LinkRefused(LinkRefusal.BUSY) from None
        raise


def _locked(user: User) -> User:
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _linked(evidence: Evidence) -> IdentityEvidence | None:
    return (
        IdentityEvidence.objects.filter(
            issuer=evidence.issuer, subject=evidence.subject, unlinked_at=None
        )
        .select_related("user")
        .first()
    )


def _seen_again(identity: IdentityEvidence, evidence: Evidence) -> User:
    """The identity's own user; another address changes nothing and is written down once."""
    user = identity.user
    seen = IdentityEvidence.objects.filter(pk=identity.pk)
    seen.update(last_seen_at=Greatest("last_seen_at", timezone.now()))
    if evidence.address and identity.address and evidence.address != identity.address:
        services.note_conflict(user=user, identity=identity, address=evidence.address)
    elif evidence.verified and not identity.verified and identity.address:
        user = _locked(user)
        seen.update(
            verified=True,
            authority=evidence.authority.value,
            hosted_domain=evidence.hosted_domain,
        )
        identity.refresh_from_db()
        _give(user, identity)
    return user


def _claim(owner: User, evidence: Evidence) -> User:
    """What becomes of an address that has an account already."""
    if not evidence.verified:
        raise LinkRefused(LinkRefusal.ADDRESS_UNPROVEN)
    privileged = owner.is_staff or owner.is_superuser
    if owner.verified_at is not None or privileged or not owner.may_sign_in:
        raise LinkRefused(LinkRefusal.ADDRESS_TAKEN, owner=owner)
    if _nobody_can_enter(owner):
        _link(owner, evidence)
        return owner
    evict_claim(user=owner, actor=None, reason=f"the owner came by {evidence.provider}")
    user = _join(evidence)
    if user is None:
        raise LinkRefused(LinkRefusal.BUSY)
    return user


def _nobody_can_enter(user: User) -> bool:
    """An account that staff prepared and nobody has had the use of."""
    linked = user.identities.filter(unlinked_at=None).exists()
    return not user.has_usable_password() and not linked and user.last_login is None


def _join(evidence: Evidence) -> User | None:
    """A new account; None where somebody has just taken the address."""
    user = User(email=evidence.address, joined_by=JoinedBy.PROVIDER)
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        return None
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    services.audit(AuditKind.SIGNED_UP, user=user, actor=user, provider=evidence.provider)
    _link(user, evidence)
    return user


def _link(user: User, evidence: Evidence) -> IdentityEvidence:
    identity = IdentityEvidence.objects.create(
        user=user, **asdict(evidence) | {"authority": evidence.authority.value}
    )
    billing.remember_identity(user=user, issuer=evidence.issuer, subject=evidence.subject)
    # allauth's own row, by which its pages know the identity.
    SocialAccount.objects.update_or_create(
        provider=evidence.provider, uid=evidence.subject, defaults={"user": user}
    )
    services.audit(
        AuditKind.IDENTITY_LINKED,
        user=user,
        actor=user,
        provider=evidence.provider,
        verified=evidence.verified,
    )
    _give(user, identity)
    return identity


def _give(user: User, identity: IdentityEvidence) -> None:
    """What a verified identity brings: its grant, and proof of the user's address if it is that."""
    if not identity.verified:
        return
    standing.grant_for(identity)
    if identity.address == user.email and user.verified_at is None:
        services.take_as_proven(user=user, by_code=False)
        return
    standing.settle(user)


def _part(identity: IdentityEvidence, *, reason: str, actor: User | None) -> None:
    if standing.part(identity, reason=reason):
        services.audit(
            AuditKind.IDENTITY_UNLINKED,
            user=identity.user,
            actor=actor,
            provider=identity.provider,
        )
