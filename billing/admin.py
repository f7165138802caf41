"""Grants, limits, features and the ledger, for operators."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import services
from billing.errors import GrantRefused
from billing.models import (
    Feature,
    Grant,
    GrantState,
    Reservation,
    TierChange,
    TierLimit,
    UsageCounter,
)
from billing.periods import ALWAYS
from billing.tiers import Tier

if TYPE_CHECKING:
    from accounts.models import User

    ModelFormOfGrant = forms.ModelForm[Grant]
    AnyAdmin = admin.ModelAdmin[Any]
    AdminOfGrant = admin.ModelAdmin[Grant]
    AdminOfLimit = admin.ModelAdmin[TierLimit]
    AdminOfFeature = admin.ModelAdmin[Feature]
else:  # Django's own classes take no parameter
    ModelFormOfGrant = forms.ModelForm
    AnyAdmin = AdminOfGrant = AdminOfLimit = AdminOfFeature = admin.ModelAdmin

# Where a request keeps what refused its grant, for the form that is shown again.
REFUSED = "netra.billing.refused"
ACCOUNT_SEARCH = ("user__email", "=user__public_id")


class GrantForm(ModelFormOfGrant):
    """Shows, with everything still filled in, why a grant was refused."""

    # Set by the admin, on a class of its own a request.
    refused: ClassVar[GrantRefused | None] = None

    class Meta:
        model = Grant
        fields: ClassVar[list[str]] = [
            "user",
            "kind",
            "tier",
            "starts_at",
            "ends_at",
            "source",
            "reason",
        ]
        help_texts: ClassVar[dict[str, str]] = {
            "tier": "An enterprise grant counts once a second person has approved it.",
            "ends_at": "Empty has no end. A trial ends within 30 days.",
            "source": "What it rests on, such as a ticket; one source grants once at a time.",
        }

    def clean(self) -> dict[str, Any] | None:
        if self.refused is not None:
            raise forms.ValidationError(str(self.refused))
        return super().clean()


class ReasonForm(ActionForm):
    reason = forms.CharField(max_length=500, required=False, label="Reason:")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [(state, state) for state in GrantState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> QuerySet[Grant]:
        now = timezone.now()
        pending = Q(tier=Tier.ENTERPRISE, approved_at=None)
        kept = Q(revoked_at=None)
        wanted: dict[str, Q] = {
            GrantState.LIVE: kept
            & ~pending
            & Q(starts_at__lte=now)
            & (Q(ends_at=None) | Q(ends_at__gt=now)),
            GrantState.PENDING: kept & pending,
            GrantState.COMING: kept & ~pending & Q(starts_at__gt=now),
            GrantState.OVER: kept & ~pending & Q(ends_at__lte=now),
            GrantState.REVOKED: ~kept,
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(Grant)
class GrantAdmin(AdminOfGrant):
    """A grant is given, approved and revoked; it is never edited."""

    form = GrantForm
    action_form = ReasonForm
    actions = ("approve", "revoke")
    autocomplete_fields = ("user",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_display = ("user", "kind", "tier", "state", "starts_at", "ends_at", "reason", "actor")
    list_filter = (StateFilter, "tier", "kind")
    list_select_related = ("user", "actor")
    search_fields = (*ACCOUNT_SEARCH, "=source", "reason")
    search_help_text = "Address (any part), public id, source, or words of the reason"
    show_full_result_count = False

    @admin.display(description="State")
    def state(self, grant: Grant) -> str:
        return grant.state_at(timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.approve_grant")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.revoke_grant")

    def get_form(
        self, request: HttpRequest, obj: Grant | None = None, change: bool = False, **options: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **options)
        form.refused = request.META.get(REFUSED)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"starts_at": timezone.now(), "kind": "manual"}

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: Any) -> None:
        fields = {name: getattr(obj, name) for name in GrantForm.Meta.fields}
        obj.pk = services.grant(**fields, actor=_actor(request)).pk

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except GrantRefused as refused:
            request.META[REFUSED] = refused
            return super().add_view(request, form_url, extra_context)

    @admin.action(description="Approve as the second person", permissions=["approve"])
    def approve(self, request: HttpRequest, chosen: QuerySet[Grant]) -> None:
        def approve(grant: Grant) -> None:
            services.approve_grant(grant=grant, actor=_actor(request))

        self._each(request, chosen, approve, "approved")

    @admin.action(description="Revoke, with the reason given", permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Grant]) -> None:
        reason = request.POST.get("reason", "")

        def revoke(grant: Grant) -> None:
            services.revoke(grant=grant, reason=reason, actor=_actor(request))

        self._each(request, chosen, revoke, "revoked")

    def _each(
        self,
        request: HttpRequest,
        chosen: QuerySet[Grant],
        verb: Callable[[Grant], None],
        done: str,
    ) -> None:
        count = 0
        for grant in chosen.select_related("user"):
            try:
                verb(grant)
            except GrantRefused as refused:
                self.message_user(request, f"{grant.user}: {refused}", messages.ERROR)
                continue
            count += 1
            self.log_change(request, grant, done)
        if count:
            self.message_user(request, f"Grants {done}: {count}.", messages.SUCCESS)


@admin.register(TierLimit)
class TierLimitAdmin(AdminOfLimit):
    """A new value is a new version: a raise holds at once, a cut from the next period."""

    fields = ("tier", "limit", "value", "valid_from", "valid_until", "actor")
    readonly_fields = ("tier", "limit", "valid_from", "valid_until", "actor")
    list_display = ("limit", "tier", "shown_value", "valid_from", "valid_until", "actor")
    list_filter = ("limit", "tier")
    list_select_related = ("actor",)
    search_fields = ("limit", "tier")
    ordering = ("limit", "value", "valid_from")

    @admin.display(description="Value", ordering="value")
    def shown_value(self, limit: TierLimit) -> str:
        return "unlimited" if limit.value is None else f"{limit.value:,}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TierLimit | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TierLimit | None = None) -> bool:
        over = obj is not None and obj.valid_until is not None and obj.valid_until <= timezone.now()
        return not over and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: TierLimit, form: Any, change: Any) -> None:
        version = services.change_limit(
            tier=obj.tier, limit=obj.limit, value=obj.value, actor=_actor(request)
        )
        obj.pk = version.pk
        self.message_user(request, f"{version} holds from {version.valid_from:%Y-%m-%d %H:%M} UTC.")


@admin.register(Feature)
class FeatureAdmin(AdminOfFeature):
    list_display = ("name", "lowest_tier")
    list_filter = ("lowest_tier",)
    search_fields = ("name",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Feature | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("name",)  # code asks for features by name

    def has_delete_permission(self, request: HttpRequest, obj: Feature | None = None) -> bool:
        return False  # the next migrate would bring it back


class ReadOnly(AnyAdmin):
    """Rows that only services write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(TierChange)
class TierChangeAdmin(ReadOnly):
    date_hierarchy = "at"
    ordering = ("-at", "-seq")
    list_display = ("user", "seq", "before", "after", "cause", "actor", "at", "request_id")
    list_filter = ("cause", "after", "before")
    list_select_related = ("user", "actor")
    search_fields = (*ACCOUNT_SEARCH, "=request_id")
    search_help_text = "Address (any part), public id or request id"


@admin.register(UsageCounter)
class UsageCounterAdmin(ReadOnly):
    list_select_related = ("user",)
    ordering = ("-period_start", "feature")
    list_display = ("user", "feature", "period", "used", "reserved", "limit")
    list_filter = ("feature",)
    search_fields = ACCOUNT_SEARCH

    @admin.display(description="Period", ordering="period_start")
    def period(self, counter: UsageCounter) -> str:
        start = counter.period_start
        return "until given back" if start == ALWAYS else f"from {start:%Y-%m-%d %H:%M} UTC"


@admin.register(Reservation)
class ReservationAdmin(ReadOnly):
    list_select_related = ("user",)
    ordering = ("-created_at",)
    list_display = ("key", "user", "feature", "amount", "state", "created_at", "lapses_at")
    list_filter = ("state", "feature")
    search_fields = (*ACCOUNT_SEARCH, "=key")


def _actor(request: HttpRequest) -> "User":
    assert request.user.is_authenticated  # the admin lets nobody else in
    return request.user
