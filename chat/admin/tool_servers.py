"""Servers of tools: entered, looked at by a worker, their tools switched on and off."""

import re
import time
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse

from chat.admin import cells
from chat.admin.cells import NOTHING
from chat.admin.conversations import AnyAdmin
from chat.mcp_rows import McpServer, McpTool, Transport
from netra.outbound import OutboundRefused, check_url
from netra.sealed import seal

if TYPE_CHECKING:
    AnyForm = forms.ModelForm[McpServer]
    AnyInline = admin.TabularInline[McpTool, McpServer]
else:  # Django's own classes take no parameter
    AnyForm = forms.ModelForm
    AnyInline = admin.TabularInline

# The worker gives up after 20 s, and begins within 2.
CHECK_WAIT_S: Final = 24.0
CHECK_POLL_S: Final = 0.2
HEADERS_CHARS_MAX: Final = 4000
HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e][\x20-\x7e]*)")
# These say where a request ends or where it goes; they are not an operator's to set.
RESERVED: Final = frozenset(
    {"connection", "content-length", "content-type", "host", "transfer-encoding"}
)
NO_ANSWER: Final = "No worker has looked at it within 24 seconds. Does one run?"
WHERE: Final = ("transport", "url", "program")


class ServerForm(AnyForm):
    """Headers hold keys, so they are only ever written: not shown, not even in part."""

    program = forms.ChoiceField(
        required=False, help_text="One of those that NETRA_MCP_STDIO allows."
    )
    headers = forms.CharField(
        required=False,
        max_length=HEADERS_CHARS_MAX,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    without_headers = forms.BooleanField(required=False, label="Remove the stored headers")

    class Meta:
        model = McpServer
        fields = (
            "name",
            "transport",
            "url",
            "program",
            "lowest_tier",
            "timeout_s",
            "trusts_hints",
            "is_enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_headers = bool(self.instance.sealed_headers)
        self.fields["headers"].help_text = "For HTTP, a line each: Authorization: Bearer key. " + (
            "Some are stored. What is entered here replaces them."
            if has_headers
            else "Stored encrypted, and never shown again."
        )
        if not has_headers:
            self.fields["without_headers"].widget = forms.HiddenInput()
        # One that the environment does not name any more stays visible as it is.
        names = sorted({*settings.NETRA_MCP_STDIO, self.instance.program} - {""})
        program = self.fields["program"]
        assert isinstance(program, forms.ChoiceField)
        program.choices = [("", "—"), *((name, name) for name in names)]

    def clean_headers(self) -> str:
        headers: str = self.cleaned_data["headers"].strip()
        for line in headers.splitlines():
            found = HEADER.fullmatch(line.strip())
            if found is None:
                raise ValidationError("Each line is a name, a colon and a value.")
            if found[1].lower() in RESERVED:
                raise ValidationError(f"The header {found[1]} cannot be set.")
        return headers

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("transport") == Transport.STDIO:
            cleaned["url"] = ""
            if not cleaned.get("program"):
                self.add_error("program", "Which program is it?")
        else:
            cleaned["program"] = ""
            self._check_url(cleaned.get("url", ""))
        # Keys go where they were meant to go: whoever changes the address enters them again.
        moved = any(cleaned.get(name) != self.initial.get(name) for name in WHERE)
        stays = self.instance.sealed_headers and not cleaned.get("headers")
        if self.instance.pk and moved and stays and not cleaned.get("without_headers"):
            told = "The address has changed: enter the headers again, or remove them."
            self.add_error("headers", told)
        return cleaned

    def _check_url(self, url: str) -> None:
        try:
            check_url(url)
        except OutboundRefused as refused:
            self.add_error("url", refused.problem)

    def save(self, commit: bool = True) -> McpServer:
        if self.cleaned_data.get("headers"):
            self.instance.sealed_headers = seal(self.cleaned_data["headers"])
        elif self.cleaned_data.get("without_headers"):
            self.instance.sealed_headers = ""
        return super().save(commit)


class ToolsInline(AnyInline):
    """What the server lists; operators say which of it is offered, and which asks first."""

    model = McpTool
    verbose_name_plural = "Its tools"
    extra = 0
    can_delete = False
    fields = ("told", "is_read_only", "is_listed", "is_enabled", "needs_approval")
    readonly_fields = ("told", "is_read_only", "is_listed")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="what it says of itself")
    def told(self, tool: McpTool) -> str:
        return cells.opening(tool.description)


@admin.register(McpServer)
class McpServerAdmin(AnyAdmin):
    form = ServerForm
    inlines = (ToolsInline,)
    change_form_template = "admin/chat/tool_servers/change_form.html"
    change_list_template = "admin/chat/tool_servers/change_list.html"
    list_display = (
        "name",
        "is_well",
        "told",
        "latency",
        "tools_offered",
        "lowest_tier",
        "is_enabled",
        "where",
    )
    list_filter = ("is_enabled", "is_well")
    ordering = ("name",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "transport",
                    "url",
                    "program",
                    "headers",
                    "without_headers",
                    "timeout_s",
                )
            },
        ),
        ("Who has its tools", {"fields": ("lowest_tier", "trusts_hints", "is_enabled")}),
        ("Last check", {"fields": ("is_well", "told", "latency", "checked")}),
    )
    readonly_fields = ("is_well", "told", "latency", "checked")

    def get_readonly_fields(self, request: HttpRequest, obj: McpServer | None = None) -> Any:
        # Conversations name its tools: another name would leave them without.
        return self.readonly_fields if obj is None else ("name", *self.readonly_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[McpServer]:
        offered = Q(tools__is_enabled=True, tools__is_listed=True)
        return McpServer.objects.annotate(offered=Count("tools", filter=offered))

    @admin.display(description="address or program")
    def where(self, server: McpServer) -> str:
        return server.url or server.program

    @admin.display(description="tools")
    def tools_offered(self, server: Any) -> int:
        return int(server.offered)

    @admin.display(description="took", ordering="latency_ms")
    def latency(self, server: McpServer) -> str:
        return NOTHING if server.latency_ms is None else f"{server.latency_ms} ms"

    @admin.display(description="checked", ordering="checked_at")
    def checked(self, server: McpServer) -> str:
        return cells.moment(server.checked_at)

    def save_model(self, request: HttpRequest, obj: McpServer, form: AnyForm, change: bool) -> None:
        if {*WHERE, "headers", "without_headers"} & set(form.changed_data):
            obj.is_well, obj.told, obj.latency_ms, obj.checked_at = None, "", None, None
        super().save_model(request, obj, form, change)
        _ask_for_check(obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.check_now)
        return [path("<int:pk>/check/", view, name="chat_mcpserver_check"), *super().get_urls()]

    def check_now(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have a worker look at the server as it is saved."""
        server = get_object_or_404(McpServer, pk=pk)
        if not self.has_change_permission(request, server):
            raise PermissionDenied
        if request.method == "POST":
            self._check(request, server)
        return HttpResponseRedirect(reverse("admin:chat_mcpserver_change", args=[pk]))

    def _check(self, request: HttpRequest, server: McpServer) -> None:
        if not server.is_enabled:
            self.message_user(request, f"{server} is switched off.", messages.WARNING)
            return
        _ask_for_check(server)
        until_s = time.monotonic() + CHECK_WAIT_S
        while time.monotonic() < until_s:
            rows = McpServer.objects.filter(pk=server.pk, checked_at__isnull=False)
            seen = rows.exclude(checked_at=server.checked_at).first()
            if seen is not None:
                self.message_user(request, *_outcome(seen))
                return
            time.sleep(CHECK_POLL_S)
        self.message_user(request, f"{server}: {NO_ANSWER}", messages.ERROR)


def _ask_for_check(server: McpServer) -> None:
    """The next worker that looks takes it; until then it counts as it did."""
    McpServer.objects.filter(pk=server.pk).update(check_due_at=Now())


def _outcome(server: McpServer) -> tuple[str, int]:
    if not server.is_well:
        return f"{server}: {server.told}", messages.ERROR
    listed = server.tools.filter(is_listed=True).count()
    words = f"{server} has {listed} tools and answered in {server.latency_ms} ms."
    return f"{words} {server.told}".strip(), messages.SUCCESS
