"""The page of one's own API tokens."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import flows, own_tokens
from accounts.errors import TokenRefusal, TokenRefused
from accounts.models import TokenScope, User
from accounts.tokens import FEATURE
from billing.selectors import catalogue, entitlements_of

NUMBER_DIGITS_MAX: Final = 18
CHOICE: Final = forms.Select(attrs={"class": "input"})
_REFUSALS: Final = {
    TokenRefusal.NOT_IN_PLAN: _("Your plan has no API access."),
    TokenRefusal.TOO_MANY: format_lazy(
        _("You may have {count} tokens. Revoke one first."), count=own_tokens.TOKENS_MAX
    ),
}


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("Where you will use it."))
    scope = forms.ChoiceField(label=_("It may"), choices=TokenScope.choices, widget=CHOICE)
    days = forms.TypedChoiceField(
        label=_("It expires"),
        choices=[
            ("30", _("after 30 days")),
            ("90", _("after 90 days")),
            ("365", _("after a year")),
            ("", _("never")),
        ],
        coerce=int,
        empty_value=None,
        widget=CHOICE,
        required=False,
        initial="90",
    )


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens; a POST of `revoke` ends that one, any other makes one and shows it once."""
    user = request.user
    assert isinstance(user, User)
    if request.method != "POST":
        return _page(request, user, TokenForm())
    if "revoke" in request.POST:
        number = request.POST["revoke"]
        is_number = number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS_MAX
        if is_number and own_tokens.revoke_token(user=user, number=int(number)):
            messages.success(request, _("That token is revoked: it opens nothing more."))
        return redirect("account_tokens")
    flows.require_fresh(request, back="account_tokens")
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, user, form)
    try:
        _token, text = own_tokens.create_token(
            user=user,
            name=form.cleaned_data["name"],
            scope=TokenScope(form.cleaned_data["scope"]),
            days=form.cleaned_data["days"],
        )
    except TokenRefused as refused:
        form.add_error(None, _REFUSALS[refused.reason])
        return _page(request, user, form)
    return _page(request, user, TokenForm(), fresh=text)


def _page(
    request: HttpRequest, user: User, form: TokenForm, *, fresh: str | None = None
) -> HttpResponse:
    shown: dict[str, Any] = {
        "form": form,
        "fresh": fresh,
        "tokens": own_tokens.tokens_of(user),
        "now": timezone.now(),
        "allowed": FEATURE in entitlements_of(user).features,
        "lowest_tier": catalogue().features.get(FEATURE),
    }
    return render(request, "accounts/tokens.html", shown)
