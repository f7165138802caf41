"""The one place where a password opens a session, with the lockout around it."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from accounts import services
from accounts.mailbox import classify
from accounts.models import User


def stored_form(address: str) -> str:
    """An address as the user row holds it: lower case, its domain in ASCII."""
    try:
        return classify(address.strip()).address
    except ValueError:
        return address.strip().lower()


class PasswordBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Checks an address and a password; a locked address is refused whatever the password."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        address = credentials.get("email") or credentials.get("username")
        password = credentials.get("password")
        if not isinstance(address, str) or not address or not password:
            return None
        email = stored_form(address)

        def check() -> User | None:
            user: User | None = super(PasswordBackend, self).authenticate(
                request, email=email, password=password
            )
            # Right password, but kept out: not a guess, so it must not count as one.
            return user or self.unstash_authenticated_user()

        user = services.try_password(address=email, check=check)
        if user is None or self.user_can_authenticate(user):
            return user
        # allauth picks it up and shows why they stay out; every other caller is told "no".
        self._stash_user(user)
        return None

    def user_can_authenticate(self, user: AbstractBaseUser | AnonymousUser | None) -> bool:
        return isinstance(user, User) and user.may_sign_in
