"""What allauth and Django tell of a user, turned into our own services."""

from typing import Any

from allauth.account import signals as allauth_signals
from allauth.account.models import EmailAddress
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest

from accounts import services
from accounts.models import AuditKind, User


def connect() -> None:
    allauth_signals.email_confirmed.connect(confirmed, dispatch_uid="accounts.confirmed")
    allauth_signals.email_changed.connect(changed, dispatch_uid="accounts.changed")
    for name in ("password_changed", "password_set", "password_reset"):
        signal = getattr(allauth_signals, name)
        signal.connect(password_replaced, dispatch_uid=f"accounts.{name}")
    user_logged_out.connect(logged_out, dispatch_uid="accounts.logged_out")


def confirmed(*, email_address: EmailAddress, **_: Any) -> None:
    user = User.objects.get(pk=email_address.user_id)
    if email_address.email == user.email:
        services.confirm_address(user=user)


def changed(*, user: User, from_email_address: EmailAddress | None, **_: Any) -> None:
    # allauth sends this for a first address too, with nothing before it.
    if from_email_address is not None:
        services.adopt_address(user=user)


def password_replaced(*, user: User, **_: Any) -> None:
    services.audit(AuditKind.PASSWORD_CHANGED, user=user, actor=user)
    services.unlock(user=user)


def logged_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is None:
        return
    session_key = request.session.session_key
    if session_key is not None:
        # Django deletes the row only after this signal; a socket told too early could come back.
        request.session.delete(session_key)
    services.end_access(user=user, session_key=session_key)
