"""A change of address: the present mailbox agrees first, then the new one proves itself."""

from typing import Any, Final

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm
from allauth.account.internal.flows import manage_email
from allauth.account.internal.flows.code_verification import AbstractCodeVerificationProcess
from django.http import HttpRequest

from accounts.models import User

SESSION_KEY: Final = "accounts_leaving_address"
RESENDS_MAX: Final = 3


class Leaving(AbstractCodeVerificationProcess):  # type: ignore[misc]  # allauth has no types
    """The code mailed to the present address of who wants another one; one a session."""

    state: dict[str, Any]
    code: str

    def __init__(self, request: HttpRequest, *, user: User, state: dict[str, Any]) -> None:
        self.request = request
        super().__init__(
            state=state,
            user=user,
            max_attempts=app_settings.EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS,
            timeout=app_settings.EMAIL_VERIFICATION_BY_CODE_TIMEOUT,
        )

    @classmethod
    def begin(cls, request: HttpRequest, *, user: User, address: str) -> "Leaving":
        leaving = cls(request, user=user, state=cls.initial_state(user, address))
        leaving.send()
        return leaving

    @classmethod
    def of(cls, request: HttpRequest, *, user: User) -> "Leaving | None":
        """What was begun in this session by this user and is not too old."""
        state = request.session.get(SESSION_KEY)
        if state is None:
            return None
        leaving = cls(request, user=user, state=state)
        if state["user_id"] != cls.initial_state(user)["user_id"] or not leaving.is_valid():
            leaving.abort()
            return None
        return leaving

    @property
    def address(self) -> str:
        return str(self.state["email"])

    @property
    def can_resend(self) -> bool:
        return not self.is_resend_quota_reached(RESENDS_MAX)

    def send(self) -> None:
        adapter = get_adapter()
        self.state["code"] = adapter.generate_email_verification_code()
        shown = {"code": self.state["code"], "address": self.address}
        adapter.send_mail("accounts/email/address_leaves", self._user.email, shown)
        self.persist()

    def resend(self) -> None:
        self.record_resend()
        self.send()

    def persist(self) -> None:
        self.request.session[SESSION_KEY] = self.state

    def abort(self) -> None:
        self.request.session.pop(SESSION_KEY, None)

    def finish(self) -> bool:
        """Mail the code to the new address; False where it cannot be had any more."""
        self.abort()
        form = AddEmailForm(self._user, {"email": self.address})
        if not form.is_valid():
            return False
        manage_email.add_email(self.request, form)
        return True
