"""The page between an operator's wish and its fulfilment: what will happen, and why."""

from typing import Final

from django import forms
from django.http import HttpRequest
from django.template.response import TemplateResponse
from msgspec import Struct

from chat.admin.cells import Cell

REASON_CHARS_MAX: Final = 500
# What the page sends back, so that nothing happens by a link or by the first form alone.
CONFIRMED: Final = "confirmed"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_CHARS_MAX,
        widget=forms.TextInput(attrs={"size": 60, "autocomplete": "off"}),
        help_text="It is recorded with your name.",
    )


class Confirmation(Struct, frozen=True, kw_only=True):
    """What is asked; `hidden` goes back with the answer, `trail` leads here from the index."""

    title: str
    explanation: str
    headers: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    submit: str
    back: str
    trail: tuple[tuple[str, str], ...]
    hidden: tuple[tuple[str, str], ...] = ()

    def page(
        self, request: HttpRequest, site_context: dict[str, object], form: ReasonForm | None = None
    ) -> TemplateResponse:
        context = {
            **site_context,
            "title": self.title,
            "asked": self,
            "confirmed": CONFIRMED,
            "form": form,
        }
        return TemplateResponse(request, "admin/chat/confirmation.html", context)


def is_confirmed(request: HttpRequest) -> bool:
    return request.method == "POST" and CONFIRMED in request.POST


def reason_form(request: HttpRequest) -> ReasonForm:
    """Filled in where the page was sent back, empty where it is shown first."""
    return ReasonForm(request.POST) if is_confirmed(request) else ReasonForm()
