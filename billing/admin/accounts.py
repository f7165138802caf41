"""One account as an operator sees it: its plan explained, its history, and what can be done."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone

from billing import figures, selectors
from billing.admin import bulk, spreadsheet
from billing.admin.account_actions import ACTIONS, Action, filled_in
from billing.admin.readonly import AnyAdmin, ReadOnly, acting
from billing.catalogue import WARN_AT_PERCENT
from billing.entitlements import GrantKind
from billing.errors import BillingError
from billing.figures import QUOTA
from billing.models import (
    Account,
    FeatureOverride,
    Grant,
    TierChange,
    TrialExtension,
    UsageCounter,
)
from billing.periods import Window, period_at
from billing.tiers import Tier
from billing.trials import DAY, REMINDER_DAYS

if TYPE_CHECKING:
    Accounts = QuerySet[Account]
else:
    Accounts = QuerySet

# Of each table; older ones are found in the lists of their own.
ROWS_MAX = 100


def live_grants(at: datetime) -> QuerySet[Grant]:
    """Those that count, of the account of an outer query."""
    return Grant.objects.filter(
        ~Q(tier=Tier.ENTERPRISE, approved_at=None),
        Q(ends_at=None) | Q(ends_at__gt=at),
        user=OuterRef("pk"),
        revoked_at=None,
        starts_at__lte=at,
    )


class TierFilter(admin.SimpleListFilter):
    title = "plan"
    parameter_name = "tier"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [(tier.value, tier.value) for tier in Tier]

    def queryset(self, request: HttpRequest, queryset: Accounts) -> Accounts:
        wanted = self.value()
        if wanted not in list(Tier):
            return queryset
        tier, live = Tier(str(wanted)), live_grants(timezone.now())
        higher = queryset.filter(~Exists(live.filter(tier__in=[t for t in Tier if t > tier])))
        return higher if tier is Tier.FREE else higher.filter(Exists(live.filter(tier=tier)))


class SourceFilter(admin.SimpleListFilter):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [(kind.value, kind.value) for kind in GrantKind]

    def queryset(self, request: HttpRequest, queryset: Accounts) -> Accounts:
        if not self.value():
            return queryset
        return queryset.filter(Exists(live_grants(timezone.now()).filter(kind=self.value())))


class AttentionFilter(admin.SimpleListFilter):
    """Whom an operator may want to talk to."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: AnyAdmin) -> list[tuple[str, str]]:
        return [
            ("trial", f"trial ending within {REMINDER_DAYS[0]} days"),
            ("quota", f"above {WARN_AT_PERCENT[0]} % of the runs"),
            ("business", "business address not proven"),
        ]

    def queryset(self, request: HttpRequest, queryset: Accounts) -> Accounts:
        now = timezone.now()
        if self.value() == "trial":
            soon = live_grants(now).filter(
                kind=GrantKind.TRIAL, ends_at__lte=now + REMINDER_DAYS[0] * DAY
            )
            return queryset.filter(Exists(soon))
        if self.value() == "quota":
            near = UsageCounter.objects.filter(
                user=OuterRef("pk"),
                feature=QUOTA,
                period_start=period_at(Window.MONTH, now).starts_at,
                used__gt=F("limit") * WARN_AT_PERCENT[0] / 100,
            )
            return queryset.filter(Exists(near))
        if self.value() == "business":
            return queryset.filter(mailbox_kind="business", verified_at=None)
        return queryset


class AccountList(ChangeList):
    """Reads what the page of accounts may do, and has used, in one question each."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: Any = list(self.result_list)
        now, keys = timezone.now(), [row.pk for row in rows]
        entitled = selectors.entitlements_of_all(keys, at=now)
        used = figures.runs_of(keys, at=now)
        for row in rows:
            row.entitled, row.used = entitled[row.pk], used.get(row.pk, 0)
        self.result_list = rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened to an account's plan."""

    at: datetime
    what: str
    why: str
    who: str


@admin.register(Account)
class AccountAdmin(ReadOnly):
    """The operator's page of one account."""

    list_display = ("email", "plan", "base", "trial_ends", "runs", "mailbox_kind", "date_joined")
    list_filter = (TierFilter, SourceFilter, AttentionFilter)
    ordering = ("-date_joined",)
    search_fields = ("email", "=public_id", "=canonical_address")
    search_help_text = "Address (any part) or public id"
    list_per_page = 50
    change_list_template = "admin/billing/account/change_list.html"

    def get_actions(self, request: HttpRequest) -> Any:
        return bulk.actions_for(request)

    def get_urls(self) -> list[Any]:
        return [
            path("export/", self.admin_site.admin_view(self.export), name="billing_account_export"),
            path(
                "bulk/<slug:name>/",
                self.admin_site.admin_view(self.bulk),
                name="billing_account_bulk",
            ),
            *super().get_urls(),
        ]

    def bulk(self, request: HttpRequest, name: str) -> HttpResponse:
        return bulk.act(request, self, name)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The accounts of the list, as it is filtered, for a spreadsheet."""
        if not request.user.has_perm("billing.export_account"):
            raise PermissionDenied
        try:
            accounts = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            raise Http404 from None
        return spreadsheet.answer(
            accounts, actor=acting(request), query=request.META["QUERY_STRING"]
        )

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return AccountList

    @admin.display(description="Plan")
    def plan(self, account: Any) -> str:
        return str(account.entitled.tier)

    @admin.display(description="Without trials")
    def base(self, account: Any) -> str:
        return str(account.entitled.base_tier)

    @admin.display(description="Trial ends")
    def trial_ends(self, account: Any) -> datetime | None:
        trial = account.entitled.trial
        return None if trial is None else trial.ends_at

    @admin.display(description="Runs this month")
    def runs(self, account: Any) -> str:
        limit = account.entitled.limits[QUOTA]
        return f"{account.used:,} of {'unlimited' if limit is None else f'{limit:,}'}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not isinstance(account, Account):
            raise Http404
        grants = list(_of(account, Grant).order_by("-created_at")[:ROWS_MAX])
        overrides = list(_of(account, FeatureOverride).order_by("-created_at")[:ROWS_MAX])
        forms = _forms(request, account, grants, overrides)
        if request.method == "POST" and self._acted(request, account, forms):
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "title": account.email,
            "opts": self.opts,
            "account": account,
            "plan": selectors.plan_of(account),
            "grants": [(grant, grant.state_at(timezone.now())) for grant in grants],
            "entries": _timeline(account, grants, overrides),
            "forms": [form for form in forms if form.offered or form.is_bound],
        }
        return TemplateResponse(request, "admin/billing/account/change_form.html", context)

    def _acted(self, request: HttpRequest, account: Account, forms: list[Action]) -> bool:
        """Was the form that was sent carried out? If not, it says itself why."""
        sent = next((form for form in forms if form.is_bound), None)
        if sent is None:
            raise PermissionDenied
        if not sent.is_valid():
            return False
        try:
            done = sent.perform(acting(request))
        except BillingError as refused:
            sent.add_error(None, str(refused))
            return False
        self.log_change(request, account, done)
        self.message_user(request, done, messages.SUCCESS)
        return True


def _forms(
    request: HttpRequest,
    account: Account,
    grants: list[Grant],
    overrides: list[FeatureOverride],
) -> list[Action]:
    """What this operator may do; the one that was sent is filled in."""
    made = []
    for action in ACTIONS:
        if not request.user.has_perm(action.permission):
            continue
        data = request.POST if request.POST.get("act") == action.name else None
        made.append(filled_in(action, account, grants, overrides, data))
    return made


def _of(account: Account, model: Any) -> QuerySet[Any]:
    people = {
        Grant: ("actor", "approved_by", "revoked_by"),
        FeatureOverride: ("actor", "ended_by"),
        TierChange: ("actor",),
        TrialExtension: ("actor",),
    }
    rows: QuerySet[Any] = model.objects.filter(user=account.pk).select_related(*people[model])
    return rows


def _timeline(
    account: Account, grants: list[Grant], overrides: list[FeatureOverride]
) -> list[Entry]:
    """Everything that happened, newest first."""
    entries = [entry for grant in grants for entry in _of_grant(grant)]
    entries += [entry for override in overrides for entry in _of_override(override)]
    for more in _of(account, TrialExtension).order_by("-at")[:ROWS_MAX]:
        what = f"Trial extended by {more.days} days"
        entries.append(_entry(more.at, what, more.reason, more.actor))
    for change in _of(account, TierChange).order_by("-seq")[:ROWS_MAX]:
        what = f"Ledger #{change.seq}: {change.before} to {change.after}"
        entries.append(_entry(change.at, what, change.cause, change.actor))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _of_grant(grant: Grant) -> list[Entry]:
    until = "without an end" if grant.ends_at is None else f"until {grant.ends_at:%Y-%m-%d %H:%M}"
    given = f"{grant} given, from {grant.starts_at:%Y-%m-%d %H:%M} {until}"
    entries = [_entry(grant.created_at, given, grant.reason, grant.actor)]
    if grant.approved_at is not None:
        entries.append(_entry(grant.approved_at, f"{grant} approved", "", grant.approved_by))
    if grant.revoked_at is not None:
        why = grant.revoke_reason
        entries.append(_entry(grant.revoked_at, f"{grant} revoked", why, grant.revoked_by))
    return entries


def _of_override(override: FeatureOverride) -> list[Entry]:
    end = override.ends_at
    until = "" if end is None else f" until {end:%Y-%m-%d %H:%M}"
    made = f"Override: {override}{until}"
    entries = [_entry(override.created_at, made, override.reason, override.actor)]
    if override.ended_at is not None:
        why = override.end_reason
        ended = f"Override ended: {override}"
        entries.append(_entry(override.ended_at, ended, why, override.ended_by))
    return entries


def _entry(at: datetime, what: str, why: str, who: object) -> Entry:
    return Entry(at=at, what=what, why=why, who="the system" if who is None else str(who))
