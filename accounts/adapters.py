"""allauth's questions, answered by our rules."""

import logging
from math import ceil
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as request_context
from allauth.core.exceptions import ImmediateHttpResponse
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import limits, selectors
from accounts.mailbox import classify
from accounts.models import User

logger = logging.getLogger(__name__)

EMAIL_STAGE = "allauth.account.stages.EmailVerificationStage"
OUR_EMAIL_STAGE = "accounts.stages.MailedCodeStage"
# Mails that a stranger can cause; notices to the owner are never held back.
ASKED_FOR = (
    "account/email/email_confirmation",
    "account/email/email_confirmation_signup",
    "account/email/password_reset_code",
    "account/email/account_already_exists",
    "account/email/unknown_account",
)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {  # noqa: RUF012  allauth reads a plain dict
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The email address or the password is not right.",
        "incorrect_code": "This code is not right. Check the newest mail.",
        "too_many_login_attempts": "Too many attempts. Sign in again to get a new code.",
        "unknown_address": "Enter an email address that mail can reach.",
    }

    def get_login_stages(self) -> list[str]:
        stages: list[str] = super().get_login_stages()
        return [OUR_EMAIL_STAGE if stage == EMAIL_STAGE else stage for stage in stages]

    def clean_email(self, email: str) -> str:
        try:
            return classify(email.strip()).address
        except ValueError:
            raise self.validation_error("unknown_address") from None

    def is_safe_url(self, url: str | None) -> bool:
        """Only a named route of ours is a place to go after signing in."""
        if not url or not url_has_allowed_host_and_scheme(
            url, allowed_hosts={request_context.request.get_host()}
        ):
            return False
        try:
            return bool(resolve(urlsplit(url).path).url_name)
        except Resolver404:
            return False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if request.method == "POST":
            self._take("signup", self._network())
        return True

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        self._take("login", self._network())
        self._refuse_while_locked(credentials)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        self._refuse_while_locked(credentials)

    def reauthenticate(self, user: User, password: str) -> bool:
        found = self.authenticate(request_context.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def _refuse_while_locked(self, credentials: dict[str, Any]) -> None:
        until = selectors.locked_until(credentials.get("email") or "")
        if until is None:
            return
        minutes = ceil((until - timezone.now()).total_seconds() / 60)
        plural = "" if minutes == 1 else "s"
        raise ValidationError(
            f"Too many wrong passwords. Try again in {minutes} minute{plural}.", code="locked"
        )

    def _network(self) -> str:
        return limits.network_of(self.get_client_ip(request_context.request))

    def _take(self, limit: str, who: str) -> None:
        wait_s = limits.take(limit, who)
        if wait_s is not None:
            page = render(request_context.request, "429.html", status=429)
            page["Retry-After"] = str(wait_s)
            raise ImmediateHttpResponse(page)

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        if not user.may_sign_in:
            refusal: HttpResponse = self.respond_user_inactive(request, user)
            return refusal
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        if template_prefix in ASKED_FOR:
            self._take("mail_network", self._network())
            self._take("mail_address", selectors.address_hash(email))
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            logger.exception("mail not sent", extra={"template": template_prefix})
            raise ImmediateHttpResponse(
                render(request_context.request, "accounts/mail_away.html", status=503)
            ) from None
