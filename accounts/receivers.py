"""What allauth and Django tell of a user, turned into our own services."""

from typing import Any

from allauth.account import signals as allauth_signals
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest

from accounts import impersonation, open_sessions, selectors, services, session_use
from accounts.models import AuditKind, User
from billing.signals import entitlements_changed


def connect() -> None:
    allauth_signals.email_confirmed.connect(confirmed, dispatch_uid="accounts.confirmed")
    allauth_signals.email_changed.connect(changed, dispatch_uid="accounts.changed")
    for name in ("password_changed", "password_set", "password_reset"):
        signal = getattr(allauth_signals, name)
        signal.connect(password_replaced, dispatch_uid=f"accounts.{name}")
    mfa_signals.authenticator_added.connect(factor_added, dispatch_uid="accounts.factor_added")
    mfa_signals.authenticator_removed.connect(
        factor_removed, dispatch_uid="accounts.factor_removed"
    )
    mfa_signals.authenticator_reset.connect(codes_replaced, dispatch_uid="accounts.codes_replaced")
    user_logged_in.connect(logged_in, dispatch_uid="accounts.logged_in")
    user_logged_out.connect(logged_out, dispatch_uid="accounts.logged_out")
    entitlements_changed.connect(plan_changed, dispatch_uid="accounts.plan_changed")


def confirmed(*, email_address: EmailAddress, **_: Any) -> None:
    user = User.objects.get(pk=email_address.user_id)
    if email_address.email == user.email:
        services.confirm_address(user=user)


def changed(*, user: User, from_email_address: EmailAddress | None, **_: Any) -> None:
    # allauth sends this for a first address too, with nothing before it.
    if from_email_address is not None:
        before = selectors.address_hash(from_email_address.email)
        services.audit(AuditKind.ADDRESS_CHANGED, user=user, actor=user, address_hash=before)
        services.adopt_address(user=user)


def password_replaced(*, user: User, **_: Any) -> None:
    services.audit(AuditKind.PASSWORD_CHANGED, user=user, actor=user)
    services.unlock(user=user)


def factor_added(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    services.audit(
        AuditKind.SECOND_FACTOR_ADDED, user=user, actor=user, factor=str(authenticator.type)
    )


def factor_removed(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    services.audit(
        AuditKind.SECOND_FACTOR_REMOVED, user=user, actor=user, factor=str(authenticator.type)
    )


def codes_replaced(*, user: User, **_: Any) -> None:
    services.audit(AuditKind.RECOVERY_CODES_REPLACED, user=user, actor=user)


def logged_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    request.user = user
    session_use.note_use(request)


def logged_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is None:
        return
    session_key = request.session.session_key
    if session_key is not None:
        # Django deletes the row only after this signal; a socket told too early could come back.
        request.session.delete(session_key)
        open_sessions.forget_session(session_key)
        impersonation.end_all(session_key=session_key, cause="signed out")
    services.end_access(user=user, session_key=session_key)


def plan_changed(*, user_id: str, **_: Any) -> None:
    """A plan says how long a session lives unused."""
    user = User.objects.filter(public_id=user_id, session_records__isnull=False).first()
    if user is not None:
        session_use.reckon_anew(user)
