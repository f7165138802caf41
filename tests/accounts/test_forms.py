"""Signing up over HTTP: the code, the taken address, the claims, the race."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test import Client

from accounts.models import AuditEvent, AuditKind, User
from tests.accounts.people import PASSWORD, mailed_code, sign_in, verified

CODE_PAGE = "/accounts/confirm-email/"


def post(client: Client, email: str, secret: str = PASSWORD, **more: str) -> tuple[int, str]:
    fields = {"email": email, "password1": secret, **more}
    response = client.post("/accounts/signup/", fields)
    return response.status_code, response.headers.get("Location", "")


@pytest.mark.django_db
def test_the_mailed_code_verifies_signs_in_and_leads_to_the_chat(client: Client) -> None:
    assert post(client, "Ada@Acme.org") == (302, CODE_PAGE)
    assert client.get("/chat/").status_code != 200

    response = client.post(CODE_PAGE, {"code": mailed_code()})

    assert (response.status_code, response.headers["Location"]) == (302, "/chat/")
    assert client.get("/chat/").status_code == 200
    user = User.objects.get(email="ada@acme.org")
    assert user.verified_at is not None
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.django_db
def test_the_right_password_does_not_sign_in_before_the_code(client: Client) -> None:
    post(client, "ada@acme.org")
    other = Client()
    assert sign_in(other, "ada@acme.org") == CODE_PAGE
    assert other.get("/chat/").status_code != 200
    other.post(CODE_PAGE, {"code": mailed_code()})
    assert other.get("/chat/").status_code == 200


@pytest.mark.django_db
def test_a_wrong_code_is_refused_and_the_third_ends_the_attempt(client: Client) -> None:
    post(client, "ada@acme.org")
    code = mailed_code()
    assert b"This code is not right" in client.post(CODE_PAGE, {"code": "AAAA-AAAA"}).content
    client.post(CODE_PAGE, {"code": "AAAA-AAAA"})
    ended = client.post(CODE_PAGE, {"code": "AAAA-AAAA"})
    assert ended.headers["Location"] == "/accounts/login/"
    client.post(CODE_PAGE, {"code": code})
    assert client.get("/chat/").status_code != 200


@pytest.mark.django_db
def test_a_taken_address_sees_what_a_free_one_sees() -> None:
    verified("taken@acme.org")
    pages = []
    for email in ("taken@acme.org", "free@acme.org"):
        client = Client()
        assert post(client, email) == (302, CODE_PAGE)
        # The sign-up page knows no more than that a code is awaited.
        assert client.get("/accounts/signup/").headers["Location"] == CODE_PAGE
        page = client.get(CODE_PAGE).content.decode()
        wrong = client.post(CODE_PAGE, {"code": "AAAA-AAAA"}).content.decode()
        pages.append([_without_tokens(text, email) for text in (page, wrong)])
    assert pages[0] == pages[1]
    assert User.objects.count() == 2
    assert [message.subject for message in mail.outbox] == [
        "You have a Netra account already",
        "Your Netra code",
    ]


def _without_tokens(page: str, email: str) -> list[str]:
    lines = page.replace(email, "ADDRESS").splitlines()
    return [line for line in lines if "csrfmiddlewaretoken" not in line]


@pytest.mark.django_db
def test_who_lost_the_code_page_signs_up_again_and_gets_another_code() -> None:
    post(Client(), "ada@acme.org")
    again = Client()
    assert post(again, "ada@acme.org") == (302, CODE_PAGE)
    again.post(CODE_PAGE, {"code": mailed_code()})
    assert again.get("/chat/").status_code == 200
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_another_password_does_not_take_an_unfinished_sign_up_over() -> None:
    post(Client(), "ada@acme.org")
    mail.outbox.clear()
    stranger = Client()
    assert post(stranger, "ada@acme.org", "Another-Horse-9") == (302, CODE_PAGE)
    assert [message.subject for message in mail.outbox] == ["You have a Netra account already"]


CLAIMS = [
    {"tier": "enterprise"},
    {"is_staff": "on", "is_superuser": "on"},
    {"user[role]": "admin"},
    {"trialDays": "365"},
    {"password": "x", "public_id": "user_1_aaaaaa"},
]


@pytest.mark.django_db
@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("taken", [False, True])
def test_a_claim_in_the_form_is_audited_and_not_honoured(
    client: Client, claim: dict[str, str], taken: bool
) -> None:
    if taken:
        verified("ada@acme.org")
    assert post(client, "ada@acme.org", **claim) == (302, CODE_PAGE)
    user = User.objects.get(email="ada@acme.org")
    assert (user.is_staff, user.is_superuser, user.recommended_tier) == (False, False, "")
    event = AuditEvent.objects.get(kind=AuditKind.SIGN_UP_CLAIM)
    assert set(event.details["claims"]) == set(claim) - {"password"}
    assert event.network == "127.0.0.1"


@pytest.mark.django_db
def test_a_sign_up_as_json_makes_no_user_and_its_claim_is_audited(client: Client) -> None:
    body = {"email": "ada@acme.org", "password1": PASSWORD, "tier": "enterprise"}
    answer = client.post("/accounts/signup/", json.dumps(body), content_type="application/json")
    assert answer.status_code == 400
    assert not User.objects.exists()
    assert AuditEvent.objects.get().details["claims"] == {"tier": "enterprise"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "password", "words"),
    [
        ("ada", PASSWORD, b"Enter a valid email address"),
        ("ada@acme", PASSWORD, b"Enter a valid email address"),
        ("a" * 10_000 + "@acme.org", PASSWORD, b"at most 320 characters"),
        ("ada@acme.org", "weak", b"Use at least 8 characters."),
        ("ada@acme.org", "Password1!", b"in common use"),
    ],
)
def test_a_form_that_is_wrong_says_what(
    client: Client, email: str, password: str, words: bytes
) -> None:
    answer = client.post("/accounts/signup/", {"email": email, "password1": password})
    assert answer.status_code == 200
    assert words in answer.content
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_forms_make_one_user_and_one_page() -> None:
    start = Barrier(50)

    def attempt(n: int) -> tuple[int, str]:
        local = "".join(c.upper() if n >> i & 1 else c for i, c in enumerate("parallel"))
        start.wait()
        try:
            return post(Client(), f"{local}@acme.org", f"Correct-Horse-{n}")
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(pool.map(attempt, range(50)))

    assert outcomes == {(302, CODE_PAGE): 50}
    assert User.objects.count() == EmailAddress.objects.count() == 1


@pytest.mark.django_db
def test_changing_the_password_needs_the_present_one_and_keeps_this_session(
    client: Client,
) -> None:
    verified()
    sign_in(client, "ada@acme.org")
    other = Client()
    sign_in(other, "ada@acme.org")
    new = {"password1": "Another-Horse-9", "password2": "Another-Horse-9"}
    refused = client.post("/accounts/password/change/", {"oldpassword": "wrong", **new})
    assert refused.status_code == 200
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **new})
    assert client.get("/chat/").status_code == 200
    assert other.get("/chat/").status_code != 200
    assert sign_in(Client(), "ada@acme.org", "Another-Horse-9") == "/chat/"
    assert AuditEvent.objects.filter(kind=AuditKind.PASSWORD_CHANGED).count() == 1
