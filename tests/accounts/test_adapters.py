"""Where sign-in leads, and who must enter a code first."""

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts import selectors
from accounts.models import AuditEvent, AuditKind, User
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("place", "leads_to"),
    [
        ("/chat/", "/chat/"),
        ("/chat/thread_1_abcdef/", "/chat/thread_1_abcdef/"),
        ("/chat/?draft=1#end", "/chat/?draft=1#end"),
        ("/accounts/email/", "/accounts/email/"),
        ("http://testserver/accounts/email/", "http://testserver/accounts/email/"),
        ("/admin/", "/admin/"),
        ("https://evil.example/chat/", "/chat/"),
        ("//evil.example/chat/", "/chat/"),
        ("/\\evil.example/", "/chat/"),
        ("https:evil.example", "/chat/"),
        ("javascript:alert(1)", "/chat/"),
        ("/no/such/route/", "/chat/"),
        ("/static/netra/logo.svg", "/chat/"),
        ("/admin/no/such/page/", "/chat/"),
        ("chat", "/chat/"),
        ("", "/chat/"),
    ],
)
def test_only_a_named_route_of_ours_is_a_next(client: Client, place: str, leads_to: str) -> None:
    verified()
    assert sign_in(client, "ada@acme.org", next=place) == leads_to


def test_who_was_made_by_staff_signs_in_without_a_code_and_can_verify(client: Client) -> None:
    User.objects.create_user("ada@acme.org", PASSWORD)
    assert sign_in(client, "ada@acme.org") == "/chat/"
    fields = {"email": "ada@acme.org", "action_send": ""}
    assert client.post("/accounts/email/", fields).headers["Location"] == "/accounts/confirm-email/"
    client.post("/accounts/confirm-email/", {"code": mailed_code()})
    assert User.objects.get().verified_at is not None


def test_a_new_address_counts_once_its_code_is_entered(client: Client) -> None:
    user = verified("ada@gmail.com")
    sign_in(client, "ada@gmail.com")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", {"email": "Ada@Acme-Corp.com", "action_add": ""})
    user.refresh_from_db()
    assert user.email == "ada@gmail.com"
    client.post("/accounts/email/leave/", {"code": mailed_code()})
    client.post("/accounts/confirm-email/", {"code": mailed_code()})
    user.refresh_from_db()
    assert (user.email, user.mailbox_kind, user.recommended_tier) == (
        "ada@acme-corp.com",
        "business",
        "early",
    )
    assert [message.to for message in mail.outbox[-2:]] == [
        ["ada@acme-corp.com"],
        ["ada@gmail.com"],
    ]
    event = AuditEvent.objects.get(kind=AuditKind.ADDRESS_CHANGED)
    assert event.address_hash == selectors.address_hash("ada@gmail.com")
    assert "Your email address was changed" in client.get("/accounts/security/").content.decode()
    assert sign_in(Client(), "ada@acme-corp.com") == "/chat/"
    assert sign_in(Client(), "ada@gmail.com") == ""


def test_a_reset_for_an_unknown_address_looks_like_any_other() -> None:
    verified("ada@acme.org")
    pages = []
    for email in ("ada@acme.org", "bob@acme.org"):
        client = Client()
        answer = client.post("/accounts/password/reset/", {"email": email})
        page = client.get(answer.headers["Location"]).content.decode().replace(email, "ADDRESS")
        pages.append([line for line in page.splitlines() if "csrfmiddlewaretoken" not in line])
    assert pages[0] == pages[1]
    assert [message.subject for message in mail.outbox] == [
        "Reset your Netra password",
        "No Netra account with this address",
    ]


def test_the_admin_is_entered_by_the_same_door(client: Client) -> None:
    User.objects.create_superuser("root@acme.org", PASSWORD)
    door = client.get("/admin/", follow=True)
    assert door.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert sign_in(client, "root@acme.org", next="/admin/") == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_mail_that_cannot_be_sent_is_said_and_nothing_is_lost(
    client: Client, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    answer = client.post("/accounts/signup/", {"email": "ada@acme.org", "password1": PASSWORD})
    assert answer.status_code == 503
    assert b"We could not send the mail" in answer.content
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    again = Client()
    again.post("/accounts/signup/", {"email": "ada@acme.org", "password1": PASSWORD})
    again.post("/accounts/confirm-email/", {"code": mailed_code()})
    assert again.get("/chat/").status_code == 200
