"""Connected models: entered, tried, and put in order; their keys go in and never come out."""

import time
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from procrastinate.contrib.django import app as jobs

from chat import turns
from chat.admin import cells
from chat.admin.cells import NOTHING
from chat.admin.conversations import AnyAdmin
from chat.model_rows import TEST_TASK, AgentModel, Protocol
from netra.outbound import OutboundRefused, check_url
from netra.sealed import seal

if TYPE_CHECKING:
    AnyForm = forms.ModelForm[AgentModel]
else:  # Django's own class takes no parameter
    AnyForm = forms.ModelForm

# The worker gives up after 15 s; it may have been busy, and the network slow.
TEST_WAIT_S: Final = 20.0
TEST_POLL_S: Final = 0.2
# Before the runs that wait: an operator looks at the page.
TEST_PRIORITY: Final = 100
KEY_CHARS_MAX: Final = 2000
NO_ANSWER: Final = "No worker has tried it within 20 seconds. Does one run?"


class ModelForm(AnyForm):
    """The key is only ever written: what is stored is not shown, not even in part."""

    key = forms.CharField(
        required=False,
        max_length=KEY_CHARS_MAX,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )
    without_key = forms.BooleanField(required=False, label="Remove the stored key")

    class Meta:
        model = AgentModel
        fields = (
            "name",
            "protocol",
            "url",
            "model_id",
            "lowest_tier",
            "is_default",
            "place",
            "is_enabled",
            "thinks",
            "takes_images",
            "context_tokens",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_key = bool(self.instance.sealed_key)
        self.fields["key"].help_text = (
            "A key is stored. What is entered here replaces it."
            if has_key
            else "Stored encrypted, and never shown again."
        )
        if not has_key:
            self.fields["without_key"].widget = forms.HiddenInput()

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        # It becomes a header, where nothing else may stand.
        if not (key.isascii() and key.isprintable()):
            raise ValidationError("A key has no spaces and no special characters.")
        return key

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].rstrip("/")
        if url:
            try:
                check_url(url)
            except OutboundRefused as refused:
                raise ValidationError(refused.problem) from None
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_openai = cleaned.get("protocol") == Protocol.OPENAI
        if is_openai and not cleaned.get("url") and "url" not in self.errors:
            self.add_error("url", "Where is it? Only Anthropic's own address may stay empty.")
        # A key goes where it was meant to go: whoever changes the address enters it again.
        where = ("url", "protocol")
        moved = any(cleaned.get(name) != self.initial.get(name) for name in where)
        stays = self.instance.sealed_key and not cleaned.get("key")
        if self.instance.pk and moved and stays and not cleaned.get("without_key"):
            self.add_error("key", "The address has changed: enter the key again, or remove it.")
        if cleaned.get("is_default") and not cleaned.get("is_enabled"):
            self.add_error("is_enabled", "The default model must be enabled.")
        return cleaned

    def save(self, commit: bool = True) -> AgentModel:
        if self.cleaned_data.get("key"):
            self.instance.sealed_key = seal(self.cleaned_data["key"])
        elif self.cleaned_data.get("without_key"):
            self.instance.sealed_key = ""
        return super().save(commit)

    def _get_validation_exclusions(self) -> set[str]:
        # A new default takes the place of the old one as it is saved.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # untyped
        return excluded | {"is_default"}


@admin.register(AgentModel)
class AgentModelAdmin(AnyAdmin):
    form = ModelForm
    change_form_template = "admin/chat/models/change_form.html"
    change_list_template = "admin/chat/models/change_list.html"
    list_display = (
        "name",
        "protocol",
        "model_id",
        "lowest_tier",
        "is_default",
        "place",
        "is_enabled",
        "has_passed",
    )
    list_filter = ("is_enabled", "protocol", "lowest_tier")
    ordering = ("place", "pk")
    fieldsets = (
        (None, {"fields": ("name", "protocol", "url", "model_id", "key", "without_key")}),
        ("Who is answered by it", {"fields": ("lowest_tier", "is_default", "place", "is_enabled")}),
        ("What it can do", {"fields": ("thinks", "takes_images", "context_tokens")}),
        ("Last test", {"fields": ("has_passed", "test_told", "tested")}),
    )
    readonly_fields = ("has_passed", "test_told", "tested")

    @admin.display(description="tested")
    def tested(self, model: AgentModel) -> str:
        return cells.moment(model.tested_at) if model.tested_at else NOTHING

    def save_model(
        self, request: HttpRequest, obj: AgentModel, form: AnyForm, change: bool
    ) -> None:
        with transaction.atomic():
            if obj.is_default:
                others = AgentModel.objects.exclude(pk=obj.pk)
                others.filter(is_default=True).update(is_default=False)
            if {"url", "protocol", "model_id", "key", "without_key"} & set(form.changed_data):
                obj.has_passed, obj.test_told, obj.tested_at = None, "", None
            super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test)
        return [path("<int:pk>/test/", view, name="chat_agentmodel_test"), *super().get_urls()]

    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Try the model as it is saved; outside of the form's transaction, which a job must see."""
        model = get_object_or_404(AgentModel, pk=pk)
        if not self.has_change_permission(request, model):
            raise PermissionDenied
        if request.method == "POST":
            self._test(request, model)
        return HttpResponseRedirect(reverse("admin:chat_agentmodel_change", args=[pk]))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        environment = settings.NETRA_MODEL_NAME if settings.NETRA_MODEL_URL else ""
        return super().changelist_view(
            request, {**(extra_context or {}), "environment_model": environment}
        )

    def _test(self, request: HttpRequest, model: AgentModel) -> None:
        """Have a worker try it, and tell what it found: it is from there that it is asked."""
        before = AgentModel.objects.values_list("tested_at", flat=True).get(pk=model.pk)
        task = jobs.configure_task(
            TEST_TASK, queue=turns.RUN_QUEUE, priority=TEST_PRIORITY, allow_unknown=True
        )
        task.defer(model_id=model.public_id)
        until_s = time.monotonic() + TEST_WAIT_S
        while time.monotonic() < until_s:
            tried = AgentModel.objects.filter(pk=model.pk).exclude(tested_at=before).first()
            if tried is not None and tried.tested_at is not None:
                level = messages.SUCCESS if tried.has_passed else messages.ERROR
                self.message_user(request, f"{tried.name}: {tried.test_told}", level)
                return
            time.sleep(TEST_POLL_S)
        self.message_user(request, f"{model.name}: {NO_ANSWER}", messages.ERROR)
