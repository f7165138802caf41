"""The page of one's profile: what to be called, and in which language."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts.models import User
from billing.selectors import entitlements_of


class ProfileForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        required=False,
        help_text=_("How we greet you. Nobody else sees it."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("As your browser has it")), *settings.LANGUAGES],
        required=False,
        widget=forms.Select(attrs={"class": "input"}),
    )

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Who somebody is here; a POST changes the name and the language, and nothing else."""
    user = request.user
    assert isinstance(user, User)
    kept = {"name": user.name, "language": user.language}
    form = ProfileForm(request.POST or None, initial=kept)
    if form.is_valid():
        User.objects.filter(pk=user.pk).update(**form.cleaned_data)
        messages.success(request, _("Your profile is saved."))
        return redirect("account_profile")
    shown = {"form": form, "tier": entitlements_of(user).tier.value}
    return render(request, "accounts/profile.html", shown)
