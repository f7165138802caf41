"""Users and codes for the tests of accounts."""

import re

from django.core import mail
from django.test import Client

from accounts import services
from accounts.models import User

PASSWORD = "Correct-Horse-9"
CODE = re.compile(r"^([A-Z0-9]{4}-[A-Z0-9]{4})$", re.MULTILINE)


def verified(email: str = "ada@acme.org", password: str = PASSWORD) -> User:
    return services.mark_verified(user=services.sign_up(email=email, password=password))


def mailed_code() -> str:
    """The code in the newest mail."""
    found = CODE.search(str(mail.outbox[-1].body))
    assert found is not None, mail.outbox[-1].body
    return found[1]


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> str:
    """Post the sign-in form; the place it leads to, or "" when it was shown again."""
    fields = {"login": email, "password": password, **more}
    return client.post("/accounts/login/", fields).headers.get("Location", "")
