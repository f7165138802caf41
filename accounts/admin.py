"""Users, what was done to their accounts, and who is locked out, for operators."""

from typing import TYPE_CHECKING, ClassVar

from allauth.account.decorators import secure_admin_login
from allauth.mfa import admin as stock_factors  # each registers what we take away again
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as stock_admin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import identities, selectors, services
from accounts.doors import may_enter, second_factor_first
from accounts.errors import LinkRefused, SuspensionRefused
from accounts.mailbox import classify
from accounts.models import (
    AuditEvent,
    DomainPolicy,
    IdentityEvidence,
    LoginFailure,
    ProviderTier,
    User,
)

if TYPE_CHECKING:
    ModelFormOfUser = forms.ModelForm[User]
    AdminOfUser = admin.ModelAdmin[User]
    AdminOfEvent = admin.ModelAdmin[AuditEvent]
    AdminOfFailure = admin.ModelAdmin[LoginFailure]
    AdminOfEvidence = admin.ModelAdmin[IdentityEvidence]
    AdminOfProviderTier = admin.ModelAdmin[ProviderTier]
    AdminOfDomainPolicy = admin.ModelAdmin[DomainPolicy]
else:  # Django's own classes take no parameter
    ModelFormOfUser = forms.ModelForm
    AdminOfUser = AdminOfEvent = AdminOfFailure = admin.ModelAdmin
    AdminOfEvidence = AdminOfProviderTier = AdminOfDomainPolicy = admin.ModelAdmin

# Staff come in by the page that everybody uses, with its lockout.
admin.site.login = second_factor_first(  # type: ignore[method-assign]
    secure_admin_login(admin.site.login)
)
admin.site.has_permission = may_enter  # type: ignore[method-assign]

# Clients come from the environment alone; ways in are added and taken away by their owner alone.
stock_factors.admin.site.unregister(Authenticator)
for _model in (SocialAccount, SocialApp, SocialToken):
    stock_admin.admin.site.unregister(_model)

REFUSALS = {
    "own_account": "nobody suspends their own account",
    "superuser": "only a superuser suspends a superuser",
}


class UserForm(ModelFormOfUser):
    """No password is set here: the user chooses one by “Forgot your password?”."""

    class Meta:
        model = User
        fields: ClassVar[list[str]] = ["email", "is_staff", "is_superuser", "groups"]

    def clean_email(self) -> str:
        try:
            return classify(str(self.cleaned_data["email"]).strip()).address
        except ValueError:
            raise forms.ValidationError("Enter an email address that mail can reach.") from None


class ReasonForm(ActionForm):
    reason = forms.CharField(max_length=200, required=False, label="Reason:")


class AccessFilter(admin.SimpleListFilter):
    title = "access"
    parameter_name = "access"

    def lookups(self, request: HttpRequest, model_admin: AdminOfUser) -> list[tuple[str, str]]:
        return [("open", "open"), ("suspended", "suspended"), ("inactive", "deactivated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        wanted = {
            "open": Q(is_active=True, suspended_at=None),
            "suspended": Q(suspended_at__isnull=False),
            "inactive": Q(is_active=False),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(User)
class UserAdmin(AdminOfUser):
    form = UserForm
    action_form = ReasonForm
    actions = ("suspend", "reinstate", "evict_claim")
    date_hierarchy = "date_joined"
    ordering = ("-date_joined",)
    list_display = ("email", "public_id", "access", "verified", "mailbox_kind", "date_joined")
    list_filter = (AccessFilter, "is_staff", "mailbox_kind", "joined_by", "verified_at")
    search_fields = ("email", "=public_id", "=canonical_address")
    search_help_text = "Address (any part) or public id"
    list_per_page = 50
    show_full_result_count = False
    filter_horizontal = ("groups",)
    readonly_fields = (
        "public_id",
        "access",
        "suspended_at",
        "verified_at",
        "canonical_address",
        "mailbox_kind",
        "recommended_tier",
        "joined_by",
        "date_joined",
        "last_login",
    )

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        shown = ("email", "is_staff", "is_superuser", "groups")
        return shown if obj is None else (*shown, *self.readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if request.user.is_superuser:
            return self.readonly_fields
        # Who may edit users must not be able to make themselves, or a friend, more than they are.
        return (*self.readonly_fields, "is_staff", "is_superuser", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # a row is anonymised, never deleted: threads and audit hang on it

    def save_model(
        self, request: HttpRequest, obj: User, form: ModelFormOfUser, change: bool
    ) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    @admin.display(description="access")
    def access(self, user: User) -> str:
        if user.suspended_at is not None:
            return "suspended"
        return "open" if user.is_active else "deactivated"

    @admin.display(boolean=True, description="verified", ordering="verified_at")
    def verified(self, user: User) -> bool:
        return user.verified_at is not None

    @admin.action(description="Suspend (ends sessions)", permissions=["change"])
    def suspend(self, request: HttpRequest, users: QuerySet[User]) -> None:
        self._move(request, users, suspending=True)

    @admin.action(description="Reinstate", permissions=["change"])
    def reinstate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        self._move(request, users, suspending=False)

    @admin.action(description="Evict an unproven claim (frees the address)", permissions=["change"])
    def evict_claim(self, request: HttpRequest, users: QuerySet[User]) -> None:
        reason = self._reason(request)
        if not reason:
            return
        assert isinstance(request.user, User)
        for user in users:
            try:
                identities.evict_claim(user=user, actor=request.user, reason=reason)
            except LinkRefused:
                words = f"Not free: {user.email}. The address is proven, or the account has rights."
                self.message_user(request, words, messages.ERROR)
                continue
            self.message_user(request, f"Free again: {user.email}.", messages.SUCCESS)

    def _reason(self, request: HttpRequest) -> str:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Give a reason; it is recorded.", messages.ERROR)
        return reason

    def _move(self, request: HttpRequest, users: QuerySet[User], *, suspending: bool) -> None:
        reason = self._reason(request)
        if not reason:
            return
        assert isinstance(request.user, User)
        act = services.suspend if suspending else services.reinstate
        moved = 0
        for user in users:
            try:
                moved += act(user=user, actor=request.user, reason=reason)
            except SuspensionRefused as refusal:
                words = f"{user.email}: {REFUSALS[refusal.reason]}."
                self.message_user(request, words, messages.ERROR)
        word = "suspended" if suspending else "reinstated"
        self.message_user(request, f"{moved} of {len(users)} {word}.", messages.SUCCESS)


@admin.register(AuditEvent)
class AuditEventAdmin(AdminOfEvent):
    list_display = ("at", "kind", "user", "actor", "network", "request_id")
    list_filter = ("kind", "at")
    list_select_related = ("user", "actor")
    search_fields = ("=user__email", "=user__public_id", "=request_id", "=address_hash")
    search_help_text = "Address or public id of the user, or a request id"
    list_per_page = 50
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if "@" in search_term:
            # Events about an address that has no user are found by what is stored of it.
            found |= queryset.filter(address_hash=selectors.address_hash(search_term))
        return found, duplicates

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False


@admin.register(LoginFailure)
class LoginFailureAdmin(AdminOfFailure):
    """Deleting a row opens the address again."""

    list_display = ("last_failed_at", "failures", "locked", "locked_until")
    ordering = ("-last_failed_at",)
    search_fields = ("=address_hash",)
    search_help_text = "The whole address"
    list_per_page = 50
    show_full_result_count = False

    @admin.display(boolean=True, description="locked now")
    def locked(self, failure: LoginFailure) -> bool:
        return failure.locked_until is not None and failure.locked_until > timezone.now()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LoginFailure], search_term: str
    ) -> tuple[QuerySet[LoginFailure], bool]:
        key = selectors.address_hash(search_term) if "@" in search_term else search_term
        return super().get_search_results(request, queryset, key)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LoginFailure | None = None) -> bool:
        return False


@admin.register(IdentityEvidence)
class IdentityEvidenceAdmin(AdminOfEvidence):
    list_display = ("user", "provider", "address", "verified", "authority", "last_seen_at", "open")
    list_filter = ("provider", "verified", "authority", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("=user__email", "=user__public_id", "=address", "=subject")
    search_help_text = "Address or public id of the user, or an address or subject at the provider"
    ordering = ("-last_seen_at",)
    list_per_page = 50
    show_full_result_count = False

    @admin.display(boolean=True, description="linked")
    def open(self, identity: IdentityEvidence) -> bool:
        return identity.unlinked_at is None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: IdentityEvidence | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: IdentityEvidence | None = None
    ) -> bool:
        return False


@admin.register(ProviderTier)
class ProviderTierAdmin(AdminOfProviderTier):
    list_display = ("provider", "tier", "own_domain_only")


@admin.register(DomainPolicy)
class DomainPolicyAdmin(AdminOfDomainPolicy):
    list_display = ("__str__", "recommends", "grants")
    list_filter = ("recommends", "grants")
    search_fields = ("domain",)
    list_per_page = 50
