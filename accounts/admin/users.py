"""One user as an operator sees them, and what can be done about them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import identities, impersonation, second_factor, services
from accounts.errors import FactorRefused, ImpersonationRefused, LinkRefused, SuspensionRefused
from accounts.mailbox import classify
from accounts.models import IMPERSONATION_MAX, User

if TYPE_CHECKING:
    ModelFormOfUser = forms.ModelForm[User]
    AdminOfUser = admin.ModelAdmin[User]
else:  # Django's own classes take no parameter
    ModelFormOfUser = forms.ModelForm
    AdminOfUser = admin.ModelAdmin

# Of the last of each that the page of a user shows; all are found in lists of their own.
ROWS_MAX = 20
REFUSALS = {
    "own_account": "nobody suspends their own account",
    "staff": "only a superuser suspends and reinstates staff",
}
FACTOR_REFUSALS = {
    "own_account": "nobody removes their own second factor here",
    "staff": "only a superuser removes the second factor of staff",
}
LOOK_REFUSALS = {
    "own_account": "this is your own account",
    "staff": "nobody looks at the account of staff as its user",
    "closed": "the account is closed",
    "no_right": "you have no right to",
    "no_second_factor": "set up two-factor first",
    "no_session": "sign in again first",
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
    actions = ("suspend", "reinstate", "evict_claim", "remove_second_factor", "look")
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
        "evidence",
        "history",
    )

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        shown = ("email", "is_staff", "is_superuser", "groups")
        return shown if obj is None else (*shown, *self.readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # Its owner alone changes an address: who has another's mail has their account.
        shown = self.readonly_fields if obj is None else (*self.readonly_fields, "email")
        if request.user.is_superuser:
            return shown
        # Who may edit users must not be able to make themselves, or a friend, more than they are.
        return (*shown, "is_staff", "is_superuser", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_remove_second_factor_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.remove_second_factor")

    def has_impersonate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(impersonation.PERMISSION)

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

    @admin.display(description="identity evidence")
    def evidence(self, user: User) -> str:
        rows = user.identities.order_by("-last_seen_at")[:ROWS_MAX]
        return _lines(
            (
                one.last_seen_at,
                f"{one.provider} {one.address or one.subject}",
                f"{'verified' if one.verified else 'not verified'}, {one.authority}"
                + ("" if one.unlinked_at is None else ", unlinked"),
            )
            for one in rows
        )

    @admin.display(description="last audit events")
    def history(self, user: User) -> str:
        rows = user.audit_events.select_related("actor")[:ROWS_MAX]
        lines = _lines(
            (one.at, one.get_kind_display(), f"by {one.actor}" if one.actor else "") for one in rows
        )
        place = reverse("admin:accounts_auditevent_changelist")
        return format_html('{}<a href="{}?q={}">All of them</a>', lines, place, user.public_id)

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

    @admin.action(
        description="Remove the second factor (ends sessions)",
        permissions=["remove_second_factor"],
    )
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        reason = self._reason(request)
        if not reason:
            return
        assert isinstance(request.user, User)
        for user in users:
            try:
                removed = second_factor.remove_all(user=user, actor=request.user, reason=reason)
            except FactorRefused as refusal:
                words = f"{user.email}: {FACTOR_REFUSALS[refusal.reason]}."
                self.message_user(request, words, messages.ERROR)
                continue
            words = "is removed, and they are told" if removed else "was not set up"
            self.message_user(request, f"Two-factor of {user.email} {words}.", messages.SUCCESS)

    @admin.action(
        description=f"Look as the user (read only, {IMPERSONATION_MAX.seconds // 60} minutes; "
        "they can read the reason)",
        permissions=["impersonate"],
    )
    def look(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        reason = self._reason(request)
        if not reason:
            return None
        if len(users) != 1:
            self.message_user(request, "Choose one user to look as.", messages.ERROR)
            return None
        assert isinstance(request.user, User)
        [user] = users
        try:
            impersonation.begin(
                user=user, actor=request.user, session=request.session, reason=reason
            )
        except ImpersonationRefused as refusal:
            words = f"{user.email}: {LOOK_REFUSALS[refusal.reason]}."
            self.message_user(request, words, messages.ERROR)
            return None
        return redirect("chat")

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


def _lines(rows: Iterable[tuple[datetime, str, str]]) -> SafeString:
    """A list of what happened; each row is when, what, and more about it."""
    named = ((f"{at:%Y-%m-%d %H:%M}", what, more) for at, what, more in rows)
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{} · {} · {}</li>", named))
