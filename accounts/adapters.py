"""allauth's questions, answered by our rules."""

import logging
from math import ceil
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.core import context as request_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base import AuthError, AuthProcess, Provider
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import flows, identities, known_browsers, limits, selectors, services
from accounts.errors import LinkRefused
from accounts.mailbox import classify
from accounts.models import AuditKind, User
from accounts.providers import Arrival

# Enough to recognise a provider's answer, too little to fill a disk.
REASON_CHARACTERS_MAX = 200

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
    "accounts/email/address_leaves",
)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = {  # noqa: RUF012  allauth reads a plain dict
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("The email address or the password is not right."),
        "incorrect_code": _("This code is not right. Check the newest mail."),
        "too_many_login_attempts": _("Too many attempts. Sign in again to get a new code."),
        "unknown_address": _("Enter an email address that mail can reach."),
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
        words = ngettext(
            "Too many wrong passwords. Try again in %(minutes)s minute.",
            "Too many wrong passwords. Try again in %(minutes)s minutes.",
            minutes,
        )
        raise ValidationError(words % {"minutes": minutes}, code="locked")

    def _network(self) -> str:
        return limits.network_of(self.get_client_ip(request_context.request))

    def _take(self, limit: str, who: str) -> None:
        wait_s = limits.take(limit, who)
        if wait_s is not None:
            shown = {"limit": limit, "wait_minutes": ceil(wait_s / 60)}
            page = render(request_context.request, "429.html", shown, status=429)
            page["Retry-After"] = str(wait_s)
            raise ImmediateHttpResponse(page)

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        if not user.may_sign_in:
            refusal: HttpResponse = self.respond_user_inactive(request, user)
            return refusal
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def login(self, request: HttpRequest, user: User) -> None:
        # Asked before: signing in writes down that somebody did.
        self._is_first = user.last_login is None
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        flows.link_what_waited(request, user)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        known_browsers.greet(request, user, response, is_first=self._is_first)
        return response

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ways in are changed by who has signed in just now; the rest asks for the password."""
        if app in ("allauth.socialaccount", "allauth.mfa"):
            return not flows.is_fresh(request_context.request)
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def take_turn(self, limit: str, *, who: str = "") -> None:
        """Count the request against a limit of its network, or of `who`; refuse it when used up."""
        self._take(limit, who or self._network())

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        with _language_of(user):
            super().send_notification_mail(template_prefix, user, context, email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        if template_prefix in ASKED_FOR:
            self._take("mail_network", self._network())
            self._take("mail_address", selectors.address_hash(email))
        try:
            with _language_of(context.get("user")):
                super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            logger.exception("mail not sent", extra={"template": template_prefix})
            if template_prefix not in ASKED_FOR:
                return  # a notice of what is done already
            raise ImmediateHttpResponse(
                render(request_context.request, "accounts/mail_away.html", status=503)
            ) from None


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Decides who an arrival is, under a lock and in one go, before allauth signs them in."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Those of the settings alone: rows could point the door at any server."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def pre_social_login(self, request: HttpRequest, sociallogin: Arrival) -> None:
        state = sociallogin.state
        if "nonce" in state and sociallogin.nonce != state["nonce"]:
            page = render_authentication_error(
                request, sociallogin.provider, extra_context={"reason": "nonce"}
            )
            raise ImmediateHttpResponse(page)
        if state.get("process") == AuthProcess.CONNECT:
            raise ImmediateHttpResponse(flows.link_to_signed_in(request, sociallogin))
        if identities.is_new(sociallogin.evidence):
            get_adapter().take_turn("new_accounts")
        try:
            user = identities.arrive(evidence=sociallogin.evidence)
        except LinkRefused as refusal:
            page = flows.refuse_arrival(request, sociallogin, refusal)
            raise ImmediateHttpResponse(page) from None
        sociallogin.user = user
        sociallogin.account = SocialAccount(
            user=user, provider=sociallogin.evidence.provider, uid=sociallogin.evidence.subject
        )

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Every refusal is one audit row; somebody who changed their mind is none."""
        if error == AuthError.CANCELLED:
            return
        shown = extra_context or {}
        services.audit(
            AuditKind.PROVIDER_REFUSED,
            provider=provider.sub_id,
            reason=_reason(request, exception, shown),
        )


def _language_of(user: User | None) -> translation.override:
    """That of whoever reads a mail, who may be another than who caused it."""
    return translation.override(getattr(user, "language", "") or translation.get_language())


def _reason(request: HttpRequest, exception: Exception | None, shown: dict[str, Any]) -> str:
    if exception is not None:
        return f"{type(exception).__name__}: {exception}"[:REASON_CHARACTERS_MAX]
    if "reason" in shown:
        return str(shown["reason"])
    return "state" if "state_id" in shown else "provider_error"
