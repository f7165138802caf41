"""Grants, for operators: given, approved, revoked, and trials extended."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import services
from billing.admin.readonly import AnyAdmin, FoundByAccount, acting
from billing.entitlements import GrantKind
from billing.errors import BillingError, GrantRefused, TrialRefusal, TrialRefused
from billing.invariants import APPROVED_WITHIN
from billing.models import Grant, GrantState, TrialExtension
from billing.tiers import Tier
from billing.trials import DAY, REMINDER_DAYS

if TYPE_CHECKING:
    ModelFormOfGrant = forms.ModelForm[Grant]
    InlineOfExtension = admin.TabularInline[TrialExtension, Grant]
else:  # Django's own classes take no parameter
    ModelFormOfGrant = forms.ModelForm
    InlineOfExtension = admin.TabularInline

# Where a request keeps what refused its grant, for the form that is shown again.
REFUSED = "netra.billing.refused"


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
            "tier": "Enterprise counts once a second person has approved it, within 7 days.",
            "ends_at": "Empty has no end. A trial ends within 30 days.",
            "source": "What it rests on, such as a ticket; one source grants once at a time.",
        }

    def clean(self) -> dict[str, Any] | None:
        if self.refused is not None:
            raise forms.ValidationError(str(self.refused))
        return super().clean()


class ReasonForm(ActionForm):
    reason = forms.CharField(max_length=500, required=False, label="Reason:")
    # Not a number to the form: Django says of a whole form that is wrong "No action selected."
    days = forms.CharField(
        max_length=2, required=False, label="Days more:", widget=forms.NumberInput
    )


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [(state, state) for state in GrantState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> QuerySet[Grant]:
        now = timezone.now()
        pending = Q(tier=Tier.ENTERPRISE, approved_at=None)
        in_time = Q(created_at__gt=now - APPROVED_WITHIN)
        kept = Q(revoked_at=None)
        wanted: dict[str, Q] = {
            GrantState.LIVE: kept
            & ~pending
            & Q(starts_at__lte=now)
            & (Q(ends_at=None) | Q(ends_at__gt=now)),
            GrantState.PENDING: kept & pending & in_time,
            GrantState.LAPSED: kept & pending & ~in_time,
            GrantState.COMING: kept & ~pending & Q(starts_at__gt=now),
            GrantState.OVER: kept & ~pending & Q(ends_at__lte=now),
            GrantState.REVOKED: ~kept,
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


class EndingFilter(admin.SimpleListFilter):
    """Trials that an operator may want to extend, or to talk about."""

    title = "trial"
    parameter_name = "trial"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [("ending", f"ending within {REMINDER_DAYS[0]} days"), ("running", "running")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> QuerySet[Grant]:
        now = timezone.now()
        running = Q(kind=GrantKind.TRIAL, revoked_at=None, starts_at__lte=now, ends_at__gt=now)
        soon = running & Q(ends_at__lte=now + REMINDER_DAYS[0] * DAY)
        return queryset.filter({"ending": soon, "running": running}.get(self.value() or "", Q()))


class Extensions(InlineOfExtension):
    model = TrialExtension
    fields = readonly_fields = ("at", "days", "reason", "actor")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False


@admin.register(Grant)
class GrantAdmin(FoundByAccount):
    """A grant is given, approved, revoked or, as a trial, extended; it is never edited."""

    form = GrantForm
    action_form = ReasonForm
    actions = ("approve", "revoke", "extend")
    inlines = (Extensions,)
    autocomplete_fields = ("user",)
    ordering = ("-created_at", "-id")
    list_per_page = 50
    list_display = ("user", "kind", "tier", "state", "starts_at", "ends_at", "reason", "actor")
    list_filter = (StateFilter, EndingFilter, "tier", "kind", "created_at")
    list_select_related = ("user", "actor")
    search_fields = ("=source", "reason")
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

    def has_extend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.extend_trial")

    def get_inlines(self, request: HttpRequest, obj: Grant | None) -> Any:
        return self.inlines if obj is not None and obj.kind == GrantKind.TRIAL else ()

    def get_readonly_fields(
        self, request: HttpRequest, obj: Grant | None = None
    ) -> tuple[str, ...]:
        shown = ("actor", "created_at", "approved_by", "approved_at", "revoked_by", "revoked_at")
        return () if obj is None else (*shown, "revoke_reason", "policy_snapshot")

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
        obj.pk = services.grant(**fields, actor=acting(request)).pk

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
            services.approve_grant(grant=grant, actor=acting(request))

        self._each(request, chosen, approve, "approved")

    @admin.action(description="Revoke, with the reason given", permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Grant]) -> None:
        reason = request.POST.get("reason", "")

        def revoke(grant: Grant) -> None:
            services.revoke(grant=grant, reason=reason, actor=acting(request))

        self._each(request, chosen, revoke, "revoked")

    @admin.action(
        description="Extend the trial by the days given, with the reason given",
        permissions=["extend"],
    )
    def extend(self, request: HttpRequest, chosen: QuerySet[Grant]) -> None:
        days, reason = request.POST.get("days", ""), request.POST.get("reason", "")
        if not days.isdecimal():
            self.message_user(request, "Say how many days more.", messages.ERROR)
            return

        def extend(grant: Grant) -> None:
            if grant.kind != GrantKind.TRIAL or grant.state_at(timezone.now()) != GrantState.LIVE:
                raise TrialRefused(TrialRefusal.NO_TRIAL)
            services.extend_trial(
                user=grant.user,
                days=int(days),
                reason=reason,
                actor=acting(request),
            )

        self._each(request, chosen, extend, "extended")

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
            except BillingError as refused:
                self.message_user(request, f"{grant.user}: {refused}", messages.ERROR)
                continue
            count += 1
            self.log_change(request, grant, done)
        if count:
            self.message_user(request, f"Grants {done}: {count}.", messages.SUCCESS)
