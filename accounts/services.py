"""What may happen to an account; each function is one transaction."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import check_password
from django.contrib.sessions.models import Session
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from psycopg.errors import LockNotAvailable
from structlog.contextvars import get_contextvars

from accounts import password as policy
from accounts import selectors, standing
from accounts.errors import AddressRefused, EmailTaken, PasswordRefused, SuspensionRefused
from accounts.evidence import PROVIDER_NAMES, Authority
from accounts.mailbox import classify
from accounts.models import (
    AuditEvent,
    AuditKind,
    IdentityEvidence,
    JoinedBy,
    LoginFailure,
    User,
)
from accounts.signals import access_ended
from netra.ids import UserID

# What an attempt may write into the audit: enough to recognise it, too little to fill a disk.
CLAIMS_MAX = 20
CLAIM_CHARACTERS_MAX = 100
_SECRET_NAME = re.compile("pass|code|token|secret|key", re.IGNORECASE)
# Longer than any hash takes, shorter than a client waits.
ATTEMPT_WAIT_S = 5
FAILURES_FORGOTTEN_AFTER = timedelta(days=30)
FAILURES_SWEPT_AT_ONCE = 100
DELETED_DOMAIN = "deleted.invalid"


def audit(
    kind: AuditKind,
    *,
    user: User | None = None,
    actor: User | None = None,
    address_hash: str = "",
    **details: object,
) -> AuditEvent:
    """Write one event; the request that is being answered, if any, is noted with it."""
    request = context.request
    return AuditEvent.objects.create(
        kind=kind,
        user=user,
        actor=actor,
        address_hash=address_hash,
        network=None if request is None else get_adapter().get_client_ip(request),
        request_id=str(get_contextvars().get("request_id", "")),
        details=details,
    )


def sign_up(*, email: str, password: str, **untrusted: object) -> User:
    """A new, unverified user.

    Nothing in `untrusted` is honoured, and that it was sent is written down. Raises EmailTaken,
    AddressRefused, PasswordRefused. Of parallel calls for one address exactly one returns.
    """
    try:
        mailbox = classify(email.strip())
    except ValueError as error:
        raise AddressRefused(str(error)) from None
    found = policy.problems(password, common=selectors.common_passwords())
    if found:
        raise PasswordRefused(found)
    record_claims(address=mailbox.address, claims=untrusted)
    recommended = standing.recommendation(mailbox)
    user = User(
        email=mailbox.address,
        joined_by=JoinedBy.SIGN_UP,
        recommended_tier=recommended.value if recommended else "",
    )
    user.set_password(password)  # slow on purpose, so outside the transaction
    try:
        with transaction.atomic():
            user.save()
            EmailAddress.objects.create(
                user=user, email=mailbox.address, primary=True, verified=False
            )
            audit(AuditKind.SIGNED_UP, user=user, actor=user)
    except IntegrityError:
        if not User.objects.filter(email=mailbox.address).exists():
            raise
        raise EmailTaken from None
    return user


def record_claims(*, address: str, claims: Mapping[str, object]) -> None:
    """Write down fields that a sign-up sent without being asked for them."""
    if not claims:
        return
    shown = {
        _shown(name): "***" if _SECRET_NAME.search(str(name)) else _shown(value)
        for name, value in list(claims.items())[:CLAIMS_MAX]
    }
    audit(
        AuditKind.SIGN_UP_CLAIM,
        address_hash=selectors.address_hash(address),
        claims=shown,
        count=len(claims),
    )


def _shown(value: object) -> str:
    # PostgreSQL's jsonb holds neither NUL nor half a surrogate pair.
    text = str(value)[:CLAIM_CHARACTERS_MAX].replace("\x00", "?")
    return text.encode("utf-8", "replace").decode()


def unfinished_sign_up(*, email: str, password: str) -> User | None:
    """The user who signed up with this address and password and never entered the code.

    Costs one hash whatever the answer, so that its time tells nothing.
    """
    user = User.objects.filter(
        email=email.strip().lower(), verified_at=None, joined_by=JoinedBy.SIGN_UP
    ).first()
    if user is None:
        User().set_password(password)
        return None
    # Not user.check_password: that would store a stronger hash in passing.
    matches = check_password(password, user.password)
    return user if matches and user.may_sign_in else None


@transaction.atomic
def mark_verified(*, user: User) -> User:
    """Take the user's address as proven; repeating it changes nothing."""
    take_as_proven(user=_locked(user), by_code=True)
    user.refresh_from_db()
    return user


def take_as_proven(*, user: User, by_code: bool) -> None:
    """The same for a row that is locked; `by_code` False where a provider vouched for it."""
    address, _ = EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"primary": True, "verified": True}
    )
    if not (address.verified and address.primary):
        EmailAddress.objects.filter(user=user).exclude(pk=address.pk).update(primary=False)
        address.verified = address.primary = True
        address.save()
    if user.verified_at is None:
        _note_verified(user, by_code=by_code)


def _locked(user: User) -> User:
    # Not against rows that only point at the user: billing writes such ones under a lock of its
    # own, which we take next.
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


@transaction.atomic
def confirm_address(*, user: User) -> None:
    """Note that the user proved the address on their row, by a code mailed to it."""
    locked = _locked(user)
    if locked.verified_at is None:
        _note_verified(locked, by_code=True)


def _note_verified(user: User, *, by_code: bool) -> None:
    standing.settle(user, by_code=by_code)
    user.verified_at = timezone.now()
    # Billing starts the trial with this, of what is recommended by now and above what is granted.
    user.save(update_fields=["verified_at"])
    audit(AuditKind.VERIFIED, user=user)


@transaction.atomic
def adopt_address(*, user: User) -> None:
    """After a change of address: it was proven by code, and the recommendation follows it."""
    _note_verified(_locked(user), by_code=True)


def note_conflict(*, user: User, identity: IdentityEvidence, address: str) -> None:
    """An identity came with another address than its own: write it down and tell its user, once."""
    seen = selectors.address_hash(address)
    known = AuditEvent.objects.filter(
        kind=AuditKind.IDENTITY_CONFLICT, user=user, address_hash=seen
    )
    if known.exists():
        return
    audit(AuditKind.IDENTITY_CONFLICT, user=user, address_hash=seen, provider=identity.provider)
    notify(user=user, about="identity_conflict", provider=identity.provider)


def notify(*, user: User, about: str, provider: str = "") -> None:
    """Mail the user what was done to their account, once it is; `about` names the template."""
    if context.request is None:
        return
    template = f"accounts/email/{about}"
    shown = {"provider_name": PROVIDER_NAMES.get(provider, provider)}
    mail = partial(get_adapter().send_notification_mail, template, user, context=shown)
    transaction.on_commit(mail, robust=True)


@transaction.atomic
def end_access(*, user: User, session_key: str | None = None) -> None:
    """Tell every process that a session of the user, or all of them, may have ended."""
    # By the database's clock, which every process that looks for changes asks, too.
    User.objects.filter(pk=user.pk).update(access_changed_at=Now())
    transaction.on_commit(
        partial(
            access_ended.send, sender=User, user_id=UserID(user.public_id), session_key=session_key
        ),
        robust=True,
    )


@transaction.atomic
def suspend(*, user: User, actor: User, reason: str) -> bool:
    """Keep a user out and end their sessions; False when they were suspended already."""
    if user.pk == actor.pk:
        raise SuspensionRefused("own_account")
    _refuse_colleagues(user, actor)
    moved = User.objects.filter(pk=user.pk, suspended_at=None).update(
        suspended_at=timezone.now(), session_generation=F("session_generation") + 1
    )
    if not moved:
        return False
    audit(AuditKind.SUSPENDED, user=user, actor=actor, reason=reason)
    end_access(user=user)
    return True


def _refuse_colleagues(user: User, actor: User) -> None:
    if (user.is_staff or user.is_superuser) and not actor.is_superuser:
        raise SuspensionRefused("staff")


@transaction.atomic
def reinstate(*, user: User, actor: User, reason: str) -> bool:
    """Let a suspended user sign in again; False when they were not suspended."""
    _refuse_colleagues(user, actor)
    moved = User.objects.filter(pk=user.pk, suspended_at__isnull=False).update(suspended_at=None)
    if not moved:
        return False
    audit(AuditKind.REINSTATED, user=user, actor=actor, reason=reason)
    end_access(user=user)
    return True


@transaction.atomic
def delete_account(*, user: User, reason: str) -> None:
    """Make the person unknown and end every session and socket; a second call changes nothing.

    The row stays, since the ledger, the audit and the claims of trials hang on it; of the address
    and of identities only keyed hashes are left, by which a trial is not had twice.
    """
    locked = _locked(user)
    if locked.deleted_at is not None:
        return
    address_hash = selectors.address_hash(locked.email)
    for identity in locked.identities.all():
        standing.part(identity, reason="the account was deleted")
        _forget_identity(identity)
    standing.withdraw(locked, reason="the account was deleted")
    LoginFailure.objects.filter(address_hash=address_hash).delete()
    EmailAddress.objects.filter(user=locked).delete()
    keys = locked.session_records.values("session_key")
    Session.objects.filter(session_key__in=keys).delete()
    locked.session_records.all().delete()
    locked.api_tokens.all().delete()
    Authenticator.objects.filter(user=locked).delete()
    _forget_person(locked)
    audit(AuditKind.ACCOUNT_DELETED, user=locked, address_hash=address_hash, reason=reason)
    end_access(user=locked)
    user.refresh_from_db()


def _forget_person(user: User) -> None:
    user.email = f"{user.public_id}@{DELETED_DOMAIN}"
    user.deleted_at = timezone.now()
    user.set_unusable_password()
    user.session_generation += 1
    user.is_active = user.is_staff = user.is_superuser = False
    user.verified_at = user.last_login = None
    user.recommended_tier = user.name = user.language = ""
    user.save()
    user.groups.clear()
    user.user_permissions.clear()


def _forget_identity(identity: IdentityEvidence) -> None:
    name = f"{identity.issuer} {identity.subject}"
    IdentityEvidence.objects.filter(pk=identity.pk).update(
        subject=salted_hmac("accounts.identity", name, algorithm="sha256").hexdigest(),
        address="",
        hosted_domain="",
        verified=False,
        authority=Authority.NONE.value,
    )


def try_password(*, address: str, check: Callable[[], User | None]) -> User | None:
    """Run `check` unless the address is locked, and count its failure.

    Attempts at one address wait for each other, so that no burst gets more guesses than a
    sequence would; None for a failure, for a locked address and after too long a wait alike.
    """
    owners = User.objects.filter(email=address.strip().lower())
    return _try(selectors.address_hash(address), check, owners=owners)


def try_code(*, user: User, check: Callable[[], User | None]) -> User | None:
    """The same for codes of the second factor, whose failures no right password forgives."""
    key = selectors.address_hash(selectors.code_lock_of(user))
    return _try(key, check, owners=User.objects.filter(pk=user.pk))


def _try(key: str, check: Callable[[], User | None], *, owners: QuerySet[User]) -> User | None:
    try:
        with transaction.atomic():
            _wait_for_turn(key)
            return _try_in_turn(key, owners, check)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise


def _wait_for_turn(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{ATTEMPT_WAIT_S}s"])
        # An advisory lock, since an address that never failed has no row to lock.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _try_in_turn(key: str, owners: QuerySet[User], check: Callable[[], User | None]) -> User | None:
    failure = LoginFailure.objects.filter(address_hash=key).first()
    now = timezone.now()
    if failure is not None and failure.locked_until is not None and failure.locked_until > now:
        return None
    user = check()
    if user is None:
        _count_failure(key, owners, failure)
    elif failure is not None:
        failure.delete()
    return user


def _count_failure(key: str, owners: QuerySet[User], failure: LoginFailure | None) -> None:
    now = timezone.now()
    if failure is None:
        _forget_old_failures()
        failure = LoginFailure(address_hash=key)
    failure.failures += 1
    failure.last_failed_at = now
    closed_for = policy.lockout(failure.failures)
    failure.locked_until = None if closed_for is None else now + closed_for
    failure.save()
    if closed_for is not None:
        audit(
            AuditKind.LOCKED_OUT,
            user=owners.first(),
            address_hash=key,
            failures=failure.failures,
            minutes=int(closed_for.total_seconds() // 60),
        )


def _forget_old_failures() -> None:
    """Keep the table as small as the last month's failures."""
    old = LoginFailure.objects.filter(last_failed_at__lt=timezone.now() - FAILURES_FORGOTTEN_AFTER)
    LoginFailure.objects.filter(pk__in=old.values("pk")[:FAILURES_SWEPT_AT_ONCE]).delete()


def unlock(*, user: User) -> None:
    """Forget failed passwords: the owner has proven the mailbox."""
    LoginFailure.objects.filter(address_hash=selectors.address_hash(user.email)).delete()


def unlock_codes(*, user: User) -> None:
    """Forget wrong codes of a second factor that is there no more."""
    key = selectors.address_hash(selectors.code_lock_of(user))
    LoginFailure.objects.filter(address_hash=key).delete()
