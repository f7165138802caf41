"""Staff look at an account as its user: for a while, with a reason, and changing nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone
from pytest_django import Settings

from accounts import impersonation, open_sessions, security_log, services, sessions
from accounts.errors import ImpersonationRefused
from accounts.models import (
    IMPERSONATION_MAX,
    AuditEvent,
    AuditKind,
    Impersonation,
    SessionRecord,
    User,
)
from accounts.second_factor import SecondFactorAdapter
from tests.accounts.people import PASSWORD, sign_in, verified

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
BANNER = "looking as ada@acme.org"


@pytest.fixture
def ada() -> User:
    return verified("ada@acme.org")


@pytest.fixture
def support(client: Client) -> Client:
    user = User.objects.create_user("support@acme.org", PASSWORD, is_staff=True)
    user.groups.set(Group.objects.filter(name="support"))
    sign_in(client, user.email)
    return client


def staff() -> User:
    return User.objects.get(email="support@acme.org")


def look(client: Client, *users: User, reason: str = "they see no threads") -> str:
    """Choose the action of the admin; where it leads to."""
    fields = {"action": "look", "_selected_action": [u.pk for u in users], "reason": reason}
    return client.post(USERS, fields).headers.get("Location", "")


def test_the_pages_are_the_users_with_a_banner_and_the_end_leads_back(
    support: Client, ada: User
) -> None:
    assert look(support, ada) == "/chat/"
    for place in ("/chat/", "/plan/", "/accounts/email/", "/accounts/security/"):
        page = support.get(place).content.decode()
        assert BANNER in page, place
        assert "support@acme.org" not in page, place
    assert support.post("/accounts/impersonation/end/").headers["Location"] == USERS
    assert BANNER not in support.get("/chat/").content.decode()
    assert support.get(USERS).status_code == 200


def places() -> set[str]:
    """Every address there is, with its arguments made up; of the admin's hundreds a few."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> set[str]:
        found = set()
        for one in patterns:
            here = before + str(one.pattern)
            found |= walk(one.url_patterns, here) if isinstance(one, URLResolver) else {here}
        return found

    made = set()
    for route in walk(get_resolver().url_patterns, "/"):
        parts = [
            "1" if part.startswith("<") else part
            for part in route.replace("^", "").replace("$", "").split("/")
        ]
        made.add("/".join(parts).replace("(?P<provider_id>linkedin)", "linkedin"))
    return {
        place
        for place in made
        if "(" not in place and ("/admin/" not in place or "/admin/accounts/user/" in place)
    }


def test_nothing_is_changed_wherever_it_is_sent(support: Client, ada: User) -> None:
    look(support, ada)
    own = {"/accounts/logout/", "/accounts/impersonation/end/"}
    everywhere = places() - own
    assert len(everywhere) > 40
    for place in everywhere:
        assert support.post(place).status_code in (403, 404), place
    for send in (support.put, support.patch, support.delete):
        assert send("/accounts/email/").status_code == 403


def test_only_named_pages_are_shown(support: Client, ada: User) -> None:
    data = {"secret": SecondFactorAdapter().encrypt("A" * 32)}
    Authenticator.objects.create(user=ada, type=Authenticator.Type.TOTP, data=data)
    look(support, ada)
    shown = {place for place in places() if support.get(place).status_code not in (403, 404)}
    assert shown - {"/accounts/logout/", "/accounts/impersonation/end/"} == {
        *(
            "/",
            "/chat/",
            "/api/threads",
            "/api/folders",
            "/api/search",
            "/plan/",
            "/health/live",
            "/health/ready",
        ),
        *("/accounts/email/", "/accounts/security/", "/accounts/sessions/"),
        *("/accounts/2fa/", "/accounts/3rdparty/"),
    }


def test_programs_are_told_in_their_own_words(support: Client, ada: User) -> None:
    look(support, ada)
    answer = support.post("/api/files/")
    assert answer.status_code == 403
    assert answer.json()["code"] == "read_only"


def test_it_ends_by_itself_and_both_ends_are_written_down(support: Client, ada: User) -> None:
    look(support, ada)
    with time_machine.travel(timezone.now() + IMPERSONATION_MAX - timedelta(seconds=30)):
        assert BANNER in support.get("/chat/").content.decode()
    with time_machine.travel(timezone.now() + IMPERSONATION_MAX + timedelta(seconds=1)):
        assert impersonation.end_expired() == 1
        assert impersonation.end_expired() == 0
        page = support.get("/accounts/email/").content.decode()
        assert "You see your own account again" in page
        assert "support@acme.org" in page
    begun, ended = AuditEvent.objects.filter(kind__contains="impersonation").order_by("pk")
    assert (begun.kind, begun.user, begun.actor) == ("impersonation_begun", ada, staff())
    assert begun.details == {"reason": "they see no threads"}
    assert ended.details == {"cause": "its time was over"}


def test_the_user_reads_of_it_and_sees_no_session_of_it(support: Client, ada: User) -> None:
    look(support, ada)
    support.get("/chat/")
    assert open_sessions.sessions_of(ada, this=None) == []
    assert {record.user for record in SessionRecord.objects.all()} == {staff()}
    entry = security_log.entries_of(ada)[0]
    assert entry.what == "Our staff looked at your account. Reason: they see no threads"
    assert entry.network == ""
    hers = Client()
    sign_in(hers, ada.email)
    assert "they see no threads" in hers.get("/accounts/security/").content.decode()


def test_a_session_shows_one_account_at_a_time_to_sockets_too(support: Client, ada: User) -> None:
    key = str(support.session.session_key)
    look(support, ada)
    holder = sessions.holders([key])[key]
    assert (holder.user, holder.may_enter, holder.only_looks) == (ada, True, True)
    with time_machine.travel(timezone.now() + IMPERSONATION_MAX + timedelta(seconds=1)):
        assert sessions.ended([key]) == {key}
        holder = sessions.holders([key])[key]
        assert (holder.user, holder.only_looks) == (staff(), False)


def superuser() -> User:
    return User.objects.create_superuser("root@acme.org")


def colleague() -> User:
    return User.objects.create_user("colleague@acme.org", is_staff=True)


def closed() -> User:
    return User.objects.create_user("gone@acme.org", is_active=False)


@pytest.mark.parametrize(
    ("whom", "words"),
    [
        (superuser, "nobody looks at the account of staff"),
        (colleague, "nobody looks at the account of staff"),
        (staff, "this is your own account"),
        (closed, "the account is closed"),
    ],
)
def test_some_are_never_looked_at(support: Client, whom: Callable[[], User], words: str) -> None:
    assert look(support, whom()) == USERS
    assert words in support.get(USERS).content.decode()
    assert not Impersonation.objects.exists()


def test_it_needs_a_reason_and_one_user(support: Client, ada: User) -> None:
    assert look(support, ada, reason=" ") == USERS
    assert look(support, ada, verified("bob@acme.org")) == USERS
    assert not Impersonation.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda: staff().groups.clear(),
        lambda: User.objects.filter(email="support@acme.org").update(is_staff=False),
        lambda: User.objects.filter(email="ada@acme.org").update(is_staff=True),
        lambda: services.suspend(user=User.objects.get(email="ada@acme.org"), actor=superuser(),
                                 reason="spam"),
    ],
)  # fmt: skip
def test_who_loses_the_right_stops_looking_at_once(
    support: Client, ada: User, change: Callable[[], object]
) -> None:
    look(support, ada)
    change()
    assert BANNER not in support.get("/chat/").content.decode()
    assert Impersonation.objects.get().ended_at is not None


def test_without_a_second_factor_nobody_looks_where_one_is_asked_for(
    support: Client, ada: User, settings: Settings
) -> None:
    look(support, ada)
    settings.ACCOUNTS_STAFF_SECOND_FACTOR = True
    assert impersonation.refusal_of(user=ada, actor=staff()) == "no_second_factor"
    assert BANNER not in support.get("/chat/").content.decode()
    with pytest.raises(ImpersonationRefused):
        impersonation.begin(user=ada, actor=staff(), session=support.session, reason="again")


def test_signing_out_ends_it(support: Client, ada: User) -> None:
    look(support, ada)
    assert support.post("/accounts/logout/").status_code == 302
    assert Impersonation.objects.get().ended_at is not None
    assert support.get("/chat/").status_code == 302
    assert AuditEvent.objects.get(kind=AuditKind.IMPERSONATION_ENDED).details == {
        "cause": "signed out"
    }


def test_the_database_itself_refuses_what_may_not_be(support: Client, ada: User) -> None:
    now = timezone.now()
    right = {
        "user": ada, "actor": staff(), "session_key": "k", "reason": "r", "began_at": now,
        "ends_at": now + IMPERSONATION_MAX, "ended_at": None,
    }  # fmt: skip
    wrong: list[dict[str, object]] = [
        {"ends_at": now + IMPERSONATION_MAX + timedelta(seconds=1)},
        {"ends_at": now},
        {"user": staff()},
        {"reason": ""},
        {"ended_at": now - timedelta(seconds=1)},
    ]
    for one in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Impersonation.objects.create(**right | one)
    Impersonation.objects.create(**right)
    with pytest.raises(IntegrityError), transaction.atomic():
        Impersonation.objects.create(**right)


def test_every_page_that_is_shown_exists() -> None:
    for place in settings.ACCOUNTS_IMPERSONATION_SHOWS:
        space, _, name = place.rpartition(":")
        resolver = get_resolver()
        names = resolver.namespace_dict[space][1] if space else resolver
        assert name in names.reverse_dict, place
