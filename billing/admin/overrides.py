"""Exceptions for one account, for operators: made and ended, each with a reason."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import services
from billing.admin.readonly import ACCOUNT_SEARCH, AnyAdmin, acting
from billing.catalogue import LIMIT_WORDS, feature_words
from billing.errors import OverrideRefused
from billing.models import Feature, FeatureOverride

if TYPE_CHECKING:
    ModelFormOfOverride = forms.ModelForm[FeatureOverride]
    AdminOfOverride = admin.ModelAdmin[FeatureOverride]
else:  # Django's own classes take no parameter
    ModelFormOfOverride = forms.ModelForm
    AdminOfOverride = admin.ModelAdmin

# Where a request keeps what refused its override, for the form that is shown again.
REFUSED = "netra.billing.override_refused"
VALUE_HELP = "Of a limit its value, empty for unlimited; of a feature 1 to allow it, 0 to deny it."


def overridable() -> list[tuple[str, str]]:
    """Every limit and feature, as choices of a form."""
    features = Feature.objects.values_list("name", flat=True)
    return [*LIMIT_WORDS.items(), *((name, feature_words(name)) for name in features)]


class OverrideForm(ModelFormOfOverride):
    """Shows, with everything still filled in, why an override was refused."""

    # Set by the admin, on a class of its own a request.
    refused: ClassVar[OverrideRefused | None] = None
    feature = forms.ChoiceField(choices=overridable)

    class Meta:
        model = FeatureOverride
        fields: ClassVar[list[str]] = ["user", "feature", "value", "starts_at", "ends_at", "reason"]
        help_texts: ClassVar[dict[str, str]] = {
            "value": VALUE_HELP,
            "ends_at": "Empty holds until it is ended, whatever the plan of the account.",
        }

    def clean(self) -> dict[str, Any] | None:
        if self.refused is not None:
            raise forms.ValidationError(str(self.refused))
        return super().clean()


class EndForm(ActionForm):
    reason = forms.CharField(max_length=500, required=False, label="Reason:")


class InForceFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [(state, state) for state in ("live", "to come", "over", "ended")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[FeatureOverride]
    ) -> QuerySet[FeatureOverride]:
        now = timezone.now()
        kept = Q(ended_at=None)
        wanted = {
            "live": kept & Q(starts_at__lte=now) & (Q(ends_at=None) | Q(ends_at__gt=now)),
            "to come": kept & Q(starts_at__gt=now),
            "over": kept & Q(ends_at__lte=now),
            "ended": ~kept,
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(FeatureOverride)
class FeatureOverrideAdmin(AdminOfOverride):
    """An exception is made and ended; it is never edited."""

    form = OverrideForm
    action_form = EndForm
    actions = ("end",)
    autocomplete_fields = ("user",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_display = ("user", "shown", "state", "starts_at", "ends_at", "reason", "actor")
    list_filter = (InForceFilter, "feature")
    list_select_related = ("user", "actor")
    search_fields = (*ACCOUNT_SEARCH, "reason", "=request_id")
    search_help_text = "Address (any part), public id, words of the reason, or request id"
    show_full_result_count = False

    @admin.display(description="Override", ordering="feature")
    def shown(self, override: FeatureOverride) -> str:
        return str(override)

    @admin.display(description="State")
    def state(self, override: FeatureOverride) -> str:
        return override.state_at(timezone.now())

    def has_change_permission(
        self, request: HttpRequest, obj: FeatureOverride | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: FeatureOverride | None = None
    ) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.end_featureoverride")

    def get_readonly_fields(
        self, request: HttpRequest, obj: FeatureOverride | None = None
    ) -> tuple[str, ...]:
        shown = ("actor", "created_at", "request_id", "ended_at", "ended_by", "end_reason")
        return () if obj is None else shown

    def get_form(
        self,
        request: HttpRequest,
        obj: FeatureOverride | None = None,
        change: bool = False,
        **options: Any,
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **options)
        form.refused = request.META.get(REFUSED)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"starts_at": timezone.now()}

    def save_model(
        self, request: HttpRequest, obj: FeatureOverride, form: Any, change: Any
    ) -> None:
        fields = {name: getattr(obj, name) for name in OverrideForm.Meta.fields}
        obj.pk = services.override_feature(**fields, actor=acting(request)).pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except OverrideRefused as refused:
            request.META[REFUSED] = refused
            return super().add_view(request, form_url, extra_context)

    @admin.action(description="End, with the reason given", permissions=["end"])
    def end(self, request: HttpRequest, chosen: QuerySet[FeatureOverride]) -> None:
        reason, count = request.POST.get("reason", ""), 0
        for override in chosen.select_related("user"):
            try:
                services.end_override(override=override, reason=reason, actor=acting(request))
            except OverrideRefused as refused:
                self.message_user(request, f"{override.user}: {refused}", messages.ERROR)
                continue
            count += 1
            self.log_change(request, override, "ended")
        if count:
            self.message_user(request, f"Overrides ended: {count}.", messages.SUCCESS)
