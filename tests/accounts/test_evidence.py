"""Answers of the three providers, read strictly."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.evidence import Authority, Evidence, EvidenceRefused
from accounts.evidence import of_github as github
from accounts.evidence import of_google as google
from accounts.evidence import of_linkedin as linkedin

GOOGLE: dict[str, object] = {"sub": "1042", "email": "Ada@Gmail.com", "email_verified": True}
LINKEDIN: dict[str, object] = {"sub": "qX7", "email": "ada@acme-corp.com", "email_verified": True}
# Whatever a lax reader would take for true.
NOT_TRUE = ["true", "false", "True", 1, 1.0, [True], {"a": 1}, None, False, 0, ""]


def of_google(**changes: object) -> Evidence:
    return google(GOOGLE | changes, issuer="https://google.example")


def of_github(addresses: object, **user: object) -> Evidence:
    return github({"id": 42} | user, addresses, issuer="https://github.example")


def of_linkedin(claims: dict[str, object], userinfo: dict[str, object]) -> Evidence:
    return linkedin(LINKEDIN | claims, LINKEDIN | userinfo, issuer="https://linkedin.example")


def entry(email: object, *, verified: object = True, primary: bool = False) -> dict[str, object]:
    return {"email": email, "verified": verified, "primary": primary}


def test_an_address_is_held_as_a_user_row_holds_it() -> None:
    found = of_google()
    assert (found.subject, found.address, found.verified) == ("1042", "ada@gmail.com", True)


@pytest.mark.parametrize("value", NOT_TRUE)
def test_only_true_is_verified(value: object) -> None:
    assert not of_google(email_verified=value).verified
    assert not of_github([entry("ada@gmail.com", verified=value)]).verified
    assert not of_linkedin({"email_verified": value}, {}).verified
    assert not of_linkedin({}, {"email_verified": value}).verified


@pytest.mark.parametrize(
    ("changes", "authority"),
    [
        ({}, Authority.MAILBOX),
        ({"email_verified": "true"}, Authority.NONE),
        ({"email": "ada@acme-corp.com"}, Authority.ATTESTED),
        ({"email": "ada@acme-corp.com", "hd": "Acme-Corp.com"}, Authority.MAILBOX),
        ({"email": "ada@acme-corp.com", "hd": "corp.com"}, Authority.ATTESTED),
        ({"email": "ada@acme-corp.com", "hd": ["acme-corp.com"]}, Authority.ATTESTED),
    ],
)
def test_google_proves_only_the_mailboxes_it_runs(
    changes: dict[str, object], authority: Authority
) -> None:
    assert of_google(**changes).authority is authority


BAD_SUBJECTS: list[Any] = [
    None, "", 1042, True, " 1", "1\x00", "ä", "1" * 192, "1" * 10_000, ["1"], {"sub": "1"},
]  # fmt: skip


@pytest.mark.parametrize("subject", BAD_SUBJECTS)
def test_what_is_no_subject_is_refused(subject: object) -> None:
    with pytest.raises(EvidenceRefused, match="subject"):
        of_google(sub=subject)
    with pytest.raises(EvidenceRefused, match="subject"):
        of_linkedin({"sub": subject}, {"sub": subject})


@pytest.mark.parametrize("number", [None, "42", True, 0, -1, 4.2, 10**200, [42]])
def test_githubs_subject_is_its_number(number: object) -> None:
    with pytest.raises(EvidenceRefused, match="subject"):
        of_github([], id=number)
    assert of_github([], login="renamed").subject == "42"


BAD_ADDRESSES: list[Any] = [
    None, 1, "", "ada", "ada@", "a b@acme.org", "'; DROP TABLE x; --@acme.org", "ada@acme",
    "a" * 10_000 + "@acme.org", "ada@acme.org\x00", "ada@acme.org, bob@acme.org", ["a@acme.org"],
]  # fmt: skip


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_what_is_no_address_is_none_and_never_verified(address: object) -> None:
    found = (
        of_google(email=address),
        of_github([entry(address, primary=True)], email=address),
        of_linkedin({"email": address}, {"email": address}),
    )
    assert {(one.address, one.verified, one.authority) for one in found} == {
        ("", False, Authority.NONE)
    }


@pytest.mark.parametrize(
    ("addresses", "address", "verified"),
    [
        ([], "shown@acme.org", False),
        ([entry("a@acme.org"), entry("b@acme.org", primary=True)], "b@acme.org", True),
        (
            [entry("a@acme.org"), entry("b@acme.org", verified=False, primary=True)],
            "a@acme.org",
            True,
        ),
        (
            [
                entry("a@acme.org", verified=False),
                entry("b@acme.org", verified=False, primary=True),
            ],
            "b@acme.org",
            False,
        ),
        ([entry("a@acme.org", verified=False)], "shown@acme.org", False),
        (["a@acme.org", None, {"email": 1}, {}], "shown@acme.org", False),
    ],
)
def test_github_is_taken_at_its_verified_primary(
    addresses: list[object], address: str, verified: bool
) -> None:
    found = of_github(addresses, email="shown@acme.org")
    assert (found.address, found.verified) == (address, verified)


@pytest.mark.parametrize("addresses", [None, {}, "a@acme.org", [entry("a@acme.org")] * 101])
def test_what_is_no_list_of_addresses_is_refused(addresses: object) -> None:
    with pytest.raises(EvidenceRefused, match="addresses"):
        of_github(addresses)


def test_linkedins_two_answers_must_be_of_one_person_with_one_address() -> None:
    with pytest.raises(EvidenceRefused, match="subject"):
        of_linkedin({}, {"sub": "other"})
    with pytest.raises(EvidenceRefused, match="address"):
        of_linkedin({}, {"email": "eve@acme-corp.com"})
    assert of_linkedin({}, {}).verified


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["sub", "id", "email", "email_verified", "hd"])


@settings(max_examples=50)
@given(claims=st.dictionaries(KEYS, JSON), more=JSON)
def test_no_answer_breaks_the_reader(claims: dict[str, object], more: object) -> None:
    readers: list[Callable[[], Evidence]] = [
        lambda: google(claims, issuer="i"),
        lambda: github(claims, more, issuer="i"),
        lambda: linkedin(claims, claims, issuer="i"),
    ]
    for read in readers:
        try:
            found = read()
        except EvidenceRefused:
            continue
        assert found.verified <= bool(found.address)
        assert found.verified == (found.authority is not Authority.NONE)
