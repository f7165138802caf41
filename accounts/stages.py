"""The step of signing in at which a mailed code is asked for."""

from http import HTTPStatus

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.models import Login
from allauth.account.stages import EmailVerificationStage
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse

from accounts.models import JoinedBy


class MailedCodeStage(EmailVerificationStage):  # type: ignore[misc]  # allauth has no types
    """Only who signed up with a password must enter the code before the first sign-in."""

    request: HttpRequest
    login: Login

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        if user is not None and user.joined_by != JoinedBy.SIGN_UP:
            return None, True
        try:
            response: tuple[HttpResponse | None, bool] = super().handle()
        except ImmediateHttpResponse as refusal:
            # Too many mails to this address. Who is owed no code sees what everybody sees.
            if user is not None or refusal.response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            return self._pretend(), True
        return response

    def _pretend(self) -> HttpResponse:
        state = EmailVerificationProcess.initial_state(None, self.login.email)
        process = EmailVerificationProcess(request=self.request, state=state)
        process.generate_code()
        process.persist()
        response: HttpResponse = get_adapter().respond_email_verification_sent(self.request, None)
        return response
