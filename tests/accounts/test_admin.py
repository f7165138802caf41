"""What an operator can see and do."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts import services
from accounts.models import AuditEvent, AuditKind, IdentityEvidence, ProviderTier, User
from tests.accounts.people import PASSWORD, sign_in, verified

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> Client:
    User.objects.create_superuser("root@acme.org", PASSWORD)
    sign_in(client, "root@acme.org")
    return client


@pytest.fixture
def support(client: Client) -> Client:
    user = User.objects.create_user("support@acme.org", PASSWORD, is_staff=True)
    user.groups.set(Group.objects.filter(name="support"))
    user.user_permissions.set(Permission.objects.filter(codename="add_user"))
    sign_in(client, "support@acme.org")
    return client


def act(client: Client, action: str, *users: User, reason: str = "spam") -> str:
    fields = {"action": action, "_selected_action": [u.pk for u in users], "reason": reason}
    return client.post("/admin/accounts/user/", fields, follow=True).content.decode()


def test_users_are_found_by_address_and_public_id(root: Client) -> None:
    ada, bob = verified("ada@acme.org"), verified("bob@acme.org")
    for query in ("ADA@acme.org", "ada", ada.public_id):
        page = root.get("/admin/accounts/user/", {"q": query}).content.decode()
        assert ada.public_id in page
        assert bob.public_id not in page


@pytest.mark.parametrize(
    "place",
    ["user", "auditevent", "loginfailure", "identityevidence", "providertier", "domainpolicy"],
)
def test_a_longer_list_needs_no_more_queries(
    root: Client, place: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    actor = User.objects.get(email="root@acme.org")
    for n in range(20):
        services.suspend(user=verified(f"user{n}@acme.org"), actor=actor, reason="spam")
        services.try_password(address=f"user{n}@acme.org", check=lambda: None)
    with django_assert_max_num_queries(9):
        page = root.get(f"/admin/accounts/{place}/")
    assert page.status_code == 200


def test_suspending_needs_a_reason_and_records_it(root: Client) -> None:
    ada = verified("ada@acme.org")
    assert "Give a reason" in act(root, "suspend", ada, reason=" ")
    assert "1 of 1 suspended" in act(root, "suspend", ada)
    assert "0 of 1 suspended" in act(root, "suspend", ada)
    event = AuditEvent.objects.get(kind=AuditKind.SUSPENDED)
    assert (event.user, event.details) == (ada, {"reason": "spam"})
    assert event.actor is not None
    assert event.actor.email == "root@acme.org"
    assert "1 of 1 reinstated" in act(root, "reinstate", ada)
    assert sign_in(Client(), "ada@acme.org") == "/chat/"


def test_a_refused_suspension_is_told_and_the_others_go_on(root: Client) -> None:
    ada, own = verified("ada@acme.org"), User.objects.get(email="root@acme.org")
    page = act(root, "suspend", ada, own)
    assert "nobody suspends their own account" in page
    assert "1 of 2 suspended" in page


def test_support_cannot_make_anybody_more_than_they_are(support: Client) -> None:
    me = User.objects.get(email="support@acme.org")
    fields = {"email": me.email, "is_staff": "on", "is_superuser": "on"}
    support.post(f"/admin/accounts/user/{me.pk}/change/", fields)
    support.post("/admin/accounts/user/add/", {**fields, "email": "friend@acme.org"})
    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.get(email="friend@acme.org").is_staff


def test_an_address_is_changed_by_its_owner_alone(root: Client) -> None:
    ada = verified("ada@acme.org")
    root.post(f"/admin/accounts/user/{ada.pk}/change/", {"email": "mine@acme.org"})
    ada.refresh_from_db()
    assert ada.email == "ada@acme.org"


@pytest.mark.parametrize("action", ["suspend", "reinstate", "remove_second_factor"])
def test_support_cannot_act_on_staff(support: Client, action: str) -> None:
    colleague = User.objects.create_user("colleague@acme.org", is_staff=True)
    Authenticator.objects.create(user=colleague, type="totp", data={})
    assert "only a superuser" in act(support, action, colleague)
    assert not AuditEvent.objects.filter(user=colleague).exists()


@pytest.mark.django_db(transaction=True)
def test_a_lost_second_factor_is_removed_with_a_reason_and_the_user_is_told(
    support: Client,
) -> None:
    ada, bob = verified("ada@acme.org"), verified("bob@acme.org")
    hers = Client()
    sign_in(hers, ada.email)
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=ada, type=kind, data={"secret": ""})
    assert "Give a reason" in act(support, "remove_second_factor", ada, reason="")
    page = act(support, "remove_second_factor", ada, bob, reason="lost her phone")
    assert "Two-factor of ada@acme.org is removed, and they are told" in page
    assert "Two-factor of bob@acme.org was not set up" in page
    assert hers.get("/accounts/email/").status_code == 302
    assert sign_in(Client(), ada.email) == "/chat/"
    event = AuditEvent.objects.get(kind=AuditKind.SECOND_FACTOR_REMOVED)
    assert (event.user, event.details) == (ada, {"reason": "lost her phone"})
    subject = "Two-factor was removed from your Netra account"
    [told] = [message for message in mail.outbox if message.subject == subject]
    assert told.to == [ada.email]
    assert "127.0.0.1" not in str(told.body)


def test_support_cannot_edit_a_superuser(support: Client) -> None:
    root = User.objects.create_superuser("root@acme.org")
    answer = support.post(f"/admin/accounts/user/{root.pk}/change/", {"email": "mine@acme.org"})
    assert answer.status_code == 403


def test_a_user_made_by_staff_has_no_password_and_a_clean_address(root: Client) -> None:
    root.post("/admin/accounts/user/add/", {"email": "Ada@Acme.org"})
    user = User.objects.get(email="ada@acme.org")
    assert not user.has_usable_password()
    page = root.post("/admin/accounts/user/add/", {"email": "ADA@acme.org"}).content.decode()
    assert "already exists" in page


def test_a_user_page_shows_what_is_known(root: Client) -> None:
    ada = verified("ada@acme-corp.com")
    services.suspend(user=ada, actor=User.objects.get(email="root@acme.org"), reason="spam")
    IdentityEvidence.objects.create(
        user=ada, provider="github", issuer="https://github.example", subject="42", authority="none"
    )
    page = root.get(f"/admin/accounts/user/{ada.pk}/change/").content.decode()
    known = (ada.public_id, "business", "early", "address verified", "Suspended · by root@acme.org")
    for fact in (*known, "github 42 · not verified, none"):
        assert fact in page


def test_audit_events_are_read_only_and_found_by_address(root: Client) -> None:
    services.record_claims(address="nobody@acme.org", claims={"tier": "mid"})
    event = AuditEvent.objects.get(kind=AuditKind.SIGN_UP_CLAIM)
    found = root.get("/admin/accounts/auditevent/", {"q": "NoBody@acme.org"})
    assert f"/admin/accounts/auditevent/{event.pk}/change/" in found.content.decode()
    assert root.get(f"/admin/accounts/auditevent/{event.pk}/change/").status_code == 200
    assert root.post(f"/admin/accounts/auditevent/{event.pk}/change/").status_code == 403
    assert root.post(f"/admin/accounts/auditevent/{event.pk}/delete/").status_code == 403


def test_a_locked_address_is_found_and_opened(root: Client) -> None:
    for _ in range(5):
        services.try_password(address="ada@acme.org", check=lambda: None)
    page = root.get("/admin/accounts/loginfailure/", {"q": "ada@acme.org"}).content.decode()
    assert "1 login failure" in page


def test_an_unproven_claim_is_evicted_with_a_reason(root: Client) -> None:
    squatter = services.sign_up(email="ada@acme.org", password=PASSWORD)
    owner = verified("bob@acme.org")
    assert "Give a reason" in act(root, "evict_claim", squatter, reason="")
    page = act(root, "evict_claim", squatter, owner, reason="the owner wrote to us")
    assert "Free again: ada@acme.org" in page
    assert "Not free: bob@acme.org. The address is proven" in page
    squatter.refresh_from_db()
    assert not squatter.is_active
    event = AuditEvent.objects.get(kind=AuditKind.CLAIM_EVICTED)
    assert event.actor is not None
    assert event.actor.email == "root@acme.org"


@pytest.mark.parametrize("model", ["socialapp", "socialtoken", "socialaccount"])
def test_clients_and_tokens_are_not_edited(root: Client, model: str) -> None:
    assert root.get(f"/admin/socialaccount/{model}/").status_code == 404


def test_evidence_is_read_and_never_written(root: Client) -> None:
    ada = verified("ada@acme.org")
    identity = IdentityEvidence.objects.create(
        user=ada, provider="github", issuer="https://github.example", subject="42", authority="none"
    )
    place = f"/admin/accounts/identityevidence/{identity.pk}"
    assert root.get(f"{place}/change/").status_code == 200
    assert root.post(f"{place}/change/", {"subject": "43"}).status_code == 403
    assert root.post(f"{place}/delete/").status_code == 403
    assert root.get("/admin/accounts/identityevidence/add/").status_code == 403


def test_enterprise_by_a_provider_is_refused_in_the_form(root: Client) -> None:
    row = ProviderTier.objects.get(provider="github")
    page = root.post(
        f"/admin/accounts/providertier/{row.pk}/change/",
        {"provider": "github", "tier": "enterprise"},
    )
    assert "never grants enterprise" in page.content.decode()
