"""One action for many accounts: chosen in the list, done for each by itself, told one by one."""

import uuid
from collections import defaultdict
from functools import partial
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from billing.admin.account_actions import MANY, Action, filled_in
from billing.admin.readonly import AnyAdmin, ReadOnly, acting
from billing.errors import BillingError
from billing.models import Account, BulkAction, Grant

# Each is a transaction of some milliseconds, and a browser waits for all of them.
ACCOUNTS_MAX: Final = 500
ACCOUNTS_SHOWN: Final = 20


def actions_for(request: HttpRequest) -> dict[str, tuple[Any, str, str]]:
    """The entries of the list's own menu that this operator may use."""
    return {
        action.name: (partial(_ask, action), action.name, f"{action.title} …")
        for action in MANY
        if request.user.has_perm(action.permission)
    }


def act(request: HttpRequest, model_admin: AnyAdmin, name: str) -> HttpResponse:
    """Receive the form of an action for the accounts that it names."""
    action = next((action for action in MANY if action.name == name), None)
    if action is None or request.method != "POST":
        raise Http404
    if not request.user.has_perm(action.permission):
        raise PermissionDenied
    accounts = _chosen(request)
    key = _key(request)
    if not accounts or key is None:
        raise Http404
    form = filled_in(action, accounts[0], [], [], request.POST)
    if not form.is_valid():
        return _page(request, model_admin, form, accounts, key)
    record = BulkAction(
        key=key,
        title=action.title,
        reason=form.cleaned_data["reason"],
        actor=acting(request),
        accounts=len(accounts),
    )
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError:
        model_admin.message_user(request, "This form was sent before.", messages.WARNING)
        record = BulkAction.objects.get(key=key)
    else:
        record.results = _results(request, model_admin, action, accounts)
        record.save(update_fields=["results"])
    return HttpResponseRedirect(reverse("admin:billing_bulkaction_change", args=[record.pk]))


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnly):
    """What came of an action for many accounts, row by row."""

    date_hierarchy = "at"
    ordering = ("-at",)
    list_display = ("title", "accounts", "reason", "actor", "at")
    list_select_related = ("actor",)
    search_fields = ("reason", "actor__email")
    change_form_template = "admin/billing/bulkaction/change_form.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        record = options.get("obj")
        assert isinstance(record, BulkAction)  # nobody adds one here
        # What an operator has to look after comes first.
        results = sorted(record.results or [], key=lambda result: result["done"])
        named = Account.objects.in_bulk([result["account"] for result in results])
        context["results"] = [
            (named.get(result["account"]), result["done"], result["words"]) for result in results
        ]
        context["done"] = sum(result["done"] for result in results)
        context["refused"] = len(results) - context["done"]
        context["under_way"] = record.results is None
        return super().render_change_form(request, context, *args, **options)


def _ask(
    action: type[Action], model_admin: AnyAdmin, request: HttpRequest, chosen: Any
) -> HttpResponse | None:
    """Show the form, with whom it is about."""
    accounts = list(chosen.order_by("pk")[: ACCOUNTS_MAX + 1])
    if len(accounts) > ACCOUNTS_MAX:
        words = f"{chosen.count():,} accounts were chosen; at most {ACCOUNTS_MAX} at a time."
        model_admin.message_user(request, f"{words} Filter the list.", messages.ERROR)
        return None
    form = filled_in(action, accounts[0], [], [], None)
    return _page(request, model_admin, form, accounts, uuid.uuid4())


def _page(
    request: HttpRequest,
    model_admin: AnyAdmin,
    form: Action,
    accounts: list[Account],
    key: uuid.UUID,
) -> TemplateResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": form.title,
        "opts": model_admin.opts,
        "form": form,
        "accounts": accounts,
        "shown": accounts[:ACCOUNTS_SHOWN],
        "more": max(0, len(accounts) - ACCOUNTS_SHOWN),
        "key": key,
    }
    return TemplateResponse(request, "admin/billing/account/bulk.html", context)


def _chosen(request: HttpRequest) -> list[Account]:
    keys = [key for key in request.POST.getlist("chosen") if key.isdecimal()]
    # To the type checker a proxy's rows are those of the model below.
    found: Any = Account.objects.filter(pk__in=keys[:ACCOUNTS_MAX]).order_by("pk")
    return list(found)


def _key(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return None


def _results(
    request: HttpRequest, model_admin: AnyAdmin, action: type[Action], accounts: list[Account]
) -> list[dict[str, object]]:
    """Do it for each in a transaction of its own; one that is refused stops no other."""
    grants = defaultdict(list)
    for grant in Grant.objects.filter(user__in=[account.pk for account in accounts]):
        grants[grant.user_id].append(grant)
    results: list[dict[str, object]] = []
    for account in accounts:
        form = filled_in(action, account, grants[account.pk], [], request.POST)
        form.source = f"bulk:{request.POST['key']}"
        form.full_clean()
        try:
            with transaction.atomic():
                words = form.perform(acting(request))
                model_admin.log_change(request, account, words)
        except BillingError as refused:
            results.append({"account": account.pk, "done": False, "words": str(refused)})
        else:
            results.append({"account": account.pk, "done": True, "words": words})
    return results
