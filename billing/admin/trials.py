"""Rules of trials, who has had one, and what was sent and added, for operators."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from billing import services
from billing.admin.readonly import ACCOUNT_SEARCH, AnyAdmin, ReadOnly, acting
from billing.claims import digests_of
from billing.models import TrialClaim, TrialExtension, TrialPolicy, TrialReminder
from billing.trials import ClaimKind, environment_of

if TYPE_CHECKING:
    AdminOfPolicy = admin.ModelAdmin[TrialPolicy]
    ModelFormOfPolicy = forms.ModelForm[TrialPolicy]
else:  # Django's own classes take no parameter
    AdminOfPolicy = admin.ModelAdmin
    ModelFormOfPolicy = forms.ModelForm

TERMS = ("days", "fallback_tier", "starts_by_itself", "trials_per_organisation")


class PolicyForm(ModelFormOfPolicy):
    """A rule of a kind of mailbox that has none yet, or other terms for one that has."""

    class Meta:
        model = TrialPolicy
        fields: ClassVar[list[str]] = ["environment", "mailbox_kind", *TERMS]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "mailbox_kind" in self.fields:
            kinds = get_user_model()._meta.get_field("mailbox_kind").choices or []
            self.fields["mailbox_kind"] = forms.ChoiceField(choices=kinds)

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or self.cleaned_data
        names = ("environment", "mailbox_kind")
        if self.instance._state.adding and all(name in data for name in names):
            asked = {name: data[name] for name in names}
            if TrialPolicy.objects.filter(valid_until=None, **asked).exists():
                raise forms.ValidationError("There is such a rule; change that one.")
        return data


class InForceFilter(admin.SimpleListFilter):
    title = "version"
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [("in_force", "in force"), ("over", "over")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[TrialPolicy]
    ) -> QuerySet[TrialPolicy]:
        over = Q(valid_until__lte=timezone.now())
        return queryset.filter({"in_force": ~over, "over": over}.get(self.value() or "", Q()))


@admin.register(TrialPolicy)
class TrialPolicyAdmin(AdminOfPolicy):
    """A change is a new version, for trials that start from then on."""

    form = PolicyForm
    list_display = ("rule", *TERMS, "holds_here", "valid_from", "valid_until", "actor")
    list_filter = (InForceFilter, "environment", "mailbox_kind")
    list_select_related = ("actor",)
    ordering = ("environment", "mailbox_kind", "-valid_from")
    search_fields = ("environment", "mailbox_kind")

    @admin.display(description="Rule", ordering="environment")
    def rule(self, policy: TrialPolicy) -> str:
        return f"{policy.get_environment_display()}: {policy.mailbox_kind or 'every other mailbox'}"

    @admin.display(description="Holds here", boolean=True)
    def holds_here(self, policy: TrialPolicy) -> bool:
        here = environment_of(settings.NETRA_ENV, testing=settings.NETRA_TESTING)
        return policy.environment == here and self._in_force(policy)

    def get_readonly_fields(
        self, request: HttpRequest, obj: TrialPolicy | None = None
    ) -> tuple[str, ...]:
        kept = ("environment", "mailbox_kind", "valid_from", "valid_until", "actor")
        return () if obj is None else kept

    def has_delete_permission(self, request: HttpRequest, obj: TrialPolicy | None = None) -> bool:
        return False  # trials name the version that they rest on

    def has_change_permission(self, request: HttpRequest, obj: TrialPolicy | None = None) -> bool:
        over = obj is not None and not self._in_force(obj)
        return not over and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: TrialPolicy, form: Any, change: Any) -> None:
        version = services.set_trial_policy(
            environment=obj.environment,
            mailbox_kind=obj.mailbox_kind,
            terms=obj.terms,
            actor=acting(request),
        )
        obj.pk = version.pk
        self.message_user(request, "It holds for trials from now on; no running one changes.")

    @staticmethod
    def _in_force(policy: TrialPolicy) -> bool:
        return policy.valid_until is None or policy.valid_until > timezone.now()


@admin.register(TrialClaim)
class TrialClaimAdmin(ReadOnly):
    """Why somebody is refused a trial: who took it."""

    date_hierarchy = "at"
    ordering = ("-at", "-id")
    list_display = ("user", "kind", "tier", "place", "at")
    list_filter = ("kind", "tier")
    list_select_related = ("user",)
    search_fields = (*ACCOUNT_SEARCH, "=digest")
    search_help_text = "Address (any part) or public id of an account; whole address of anybody"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TrialClaim], search_term: str
    ) -> tuple[QuerySet[TrialClaim], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if "@" in search_term:
            # The claims of a mailbox outlive every account that had it.
            found |= queryset.filter(kind=ClaimKind.MAILBOX, digest__in=_digests(search_term))
        return found, duplicates


@admin.register(TrialExtension)
class TrialExtensionAdmin(ReadOnly):
    date_hierarchy = "at"
    ordering = ("-at",)
    list_display = ("user", "grant", "days", "reason", "actor", "at")
    list_select_related = ("user", "actor", "grant")
    search_fields = (*ACCOUNT_SEARCH, "reason")


@admin.register(TrialReminder)
class TrialReminderAdmin(ReadOnly):
    ordering = ("-taken_until",)
    list_display = ("account", "days_before", "ends_at", "attempts", "done_at")
    list_filter = ("days_before",)
    list_select_related = ("grant__user",)
    search_fields = ("grant__user__email", "=grant__user__public_id")

    @admin.display(description="User")
    def account(self, reminder: TrialReminder) -> str:
        return str(reminder.grant.user)


def _digests(address: str) -> list[str]:
    """Of the address as it was typed, and of what accounts with it are known by."""
    typed = address.strip().lower()
    accounts = get_user_model()._default_manager.filter(email=typed)
    names = {typed, *accounts.values_list("canonical_address", flat=True)}
    return [digest for name in names for digest in digests_of(ClaimKind.MAILBOX, name)]
