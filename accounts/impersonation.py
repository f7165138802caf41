"""Staff look at an account as its user: reasoned, for a while, and without changing anything.

A session of staff stays theirs; while it is marked, requests and sockets show another account.
"""

from collections.abc import Collection
from typing import Final

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone

from accounts import doors, services
from accounts.errors import ImpersonationRefused
from accounts.models import IMPERSONATION_MAX, AuditKind, Impersonation, User

# In the session of whoever looks: which row says as whom, and until when.
MARK: Final = "accounts_impersonation"
PERMISSION: Final = "accounts.impersonate_user"
# How many that nobody ended one sweep writes down.
SWEPT_AT_ONCE: Final = 100


@transaction.atomic
def begin(*, user: User, actor: User, session: SessionBase, reason: str) -> Impersonation:
    """Show `user` in the actor's session from now on; raises ImpersonationRefused."""
    key = session.session_key
    refusal = "no_session" if key is None else refusal_of(user=user, actor=actor)
    if refusal is not None or not reason.strip():
        raise ImpersonationRefused(refusal or "no_reason")
    end_all(session_key=str(key), cause="another began")
    now = timezone.now()
    begun = Impersonation.objects.create(
        user=user,
        actor=actor,
        session_key=str(key),
        reason=reason.strip(),
        began_at=now,
        ends_at=now + IMPERSONATION_MAX,
    )
    session[MARK] = begun.pk
    session.save()
    services.audit(AuditKind.IMPERSONATION_BEGUN, user=user, actor=actor, reason=begun.reason)
    # What the actor has open shows their own account, and would go on as the user's.
    services.end_access(user=actor, session_key=key)
    return begun


def refusal_of(*, user: User, actor: User) -> str | None:
    """Why the actor may not look at the user's account, as a word; None where they may."""
    if user.pk == actor.pk:
        return "own_account"
    if user.is_staff or user.is_superuser:
        return "staff"
    if not user.may_sign_in:
        return "closed"
    # Asked of the row each time: who loses the right stops looking.
    if not (actor.is_staff and actor.may_sign_in and actor.has_perm(PERMISSION)):
        return "no_right"
    return "no_second_factor" if doors.lacks_factor(actor) else None


def live(marks: Collection[int]) -> dict[int, Impersonation]:
    """Those of the rows that go on now, with both people."""
    rows = Impersonation.objects.filter(pk__in=marks, ended_at=None, ends_at__gt=timezone.now())
    return {
        row.pk: row
        for row in rows.select_related("user", "actor")
        if refusal_of(user=row.user, actor=row.actor) is None
    }


def mark_of(data: SessionBase | dict[str, object]) -> int | None:
    """Which row the data of a session names, if any."""
    mark = data.get(MARK)
    return mark if isinstance(mark, int) else None


@transaction.atomic
def end(one: Impersonation, *, cause: str) -> bool:
    """Stop showing the account, and close the sockets that do; False where that was done before."""
    now = timezone.now()
    ended = Impersonation.objects.filter(pk=one.pk, ended_at=None).update(ended_at=now)
    if not ended:
        return False
    services.audit(AuditKind.IMPERSONATION_ENDED, user=one.user, actor=one.actor, cause=cause)
    services.end_access(user=one.user, session_key=one.session_key)
    return True


def leave(session: SessionBase, *, cause: str) -> None:
    """Show staff their own account again in a session that is marked."""
    mark = session.pop(MARK, None)
    one = Impersonation.objects.filter(pk=mark).select_related("user", "actor").first()
    if one is not None:
        end(one, cause=cause)


def end_all(*, session_key: str, cause: str) -> None:
    """Stop what goes on in a session."""
    rows = Impersonation.objects.filter(session_key=session_key, ended_at=None)
    for one in rows.select_related("user", "actor"):
        end(one, cause=cause)


def end_expired() -> int:
    """Write down the end of those whose time is over; how many, SWEPT_AT_ONCE at most."""
    over = Impersonation.objects.filter(ended_at=None, ends_at__lte=timezone.now())
    some = over.select_related("user", "actor").order_by("ends_at")[:SWEPT_AT_ONCE]
    return sum(end(one, cause="its time was over") for one in some)
