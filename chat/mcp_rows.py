"""The servers that operators connect for their tools (MCP), and the tools that they offer."""

from datetime import timedelta
from typing import ClassVar, Final

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now

from billing.tiers import Tier
from netra.env import Secret
from netra.sealed import unseal

# As long as a tool of our own may take.
TIMEOUT_S_MAX: Final = 60
TOLD_CHARS_MAX: Final = 300
CHECKED_EVERY: Final = timedelta(minutes=1)

NO_HEADERS = Secret("")

# Without an underscore: the two between server and tool are then the only place to part them.
NAME = RegexValidator(
    r"\A[a-z][a-z0-9]*\Z", "Small letters and digits without spaces, a letter first."
)


class Transport(models.TextChoices):
    """How a server is spoken to."""

    HTTP = "http", "HTTP"
    STDIO = "stdio", "program"


class McpServer(models.Model):
    """A server of tools; what the last check saw of it stands here, too."""

    name = models.CharField(
        max_length=20,
        unique=True,
        validators=[NAME],
        help_text="The names of its tools begin with it.",
    )
    transport = models.CharField(
        "connected by", max_length=8, choices=Transport, default=Transport.HTTP
    )
    url = models.CharField("address", max_length=500, blank=True)
    program = models.CharField(
        max_length=64, blank=True, help_text="One of those that NETRA_MCP_STDIO allows."
    )
    sealed_headers = models.TextField(blank=True, editable=False)
    lowest_tier = models.CharField(
        max_length=16,
        choices=[(tier.value, tier.value) for tier in Tier],
        default=Tier.FREE.value,
        help_text="Users of this plan and of higher ones have its tools.",
    )
    timeout_s = models.PositiveSmallIntegerField(
        "seconds a call may take",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(TIMEOUT_S_MAX)],
    )
    trusts_hints = models.BooleanField(
        "believed",
        default=False,
        help_text="New tools that it calls read-only run without asking the user, and again "
        "after a crash.",
    )
    is_enabled = models.BooleanField("enabled", default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # By the database's clock: any worker may take the next check.
    check_due_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)
    checked_at = models.DateTimeField(null=True, editable=False)
    is_well = models.BooleanField("well", null=True, editable=False)
    latency_ms = models.PositiveIntegerField(null=True, editable=False)
    told = models.CharField("remark", max_length=TOLD_CHARS_MAX, blank=True, editable=False)

    class Meta:
        verbose_name = "tool server"
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=(
                    models.Q(transport=Transport.HTTP, program="") & ~models.Q(url="")
                    | models.Q(transport=Transport.STDIO, url="") & ~models.Q(program="")
                ),
                name="mcp_server_has_one_way",
                violation_error_message="Give an address for HTTP, or else a program.",
            ),
            models.CheckConstraint(
                condition=models.Q(timeout_s__gte=1, timeout_s__lte=TIMEOUT_S_MAX),
                name="mcp_server_timeout",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def headers(self) -> Secret:
        """Lines of `Name: value`; raises netra.sealed.Unreadable."""
        return unseal(self.sealed_headers) if self.sealed_headers else NO_HEADERS


class McpTool(models.Model):
    """A tool as its server described it; `offered_as` is what models call it by."""

    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=128, editable=False)
    offered_as = models.CharField(max_length=64, unique=True, editable=False)
    description = models.TextField(editable=False)
    # JSON, in the order in which the server wrote it.
    schema = models.TextField(editable=False)
    is_read_only = models.BooleanField("read-only, it says", default=False, editable=False)
    is_enabled = models.BooleanField("enabled", default=True)
    needs_approval = models.BooleanField(
        "asks the user", default=True, help_text="Each call waits until its user has approved it."
    )
    # Whether the server still has it.
    is_listed = models.BooleanField("listed", default=True, editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "tool of a server"
        verbose_name_plural = "tools of servers"
        ordering: ClassVar[list[str]] = ["offered_as"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("server", "name", name="mcp_tool_once"),
        ]

    def __str__(self) -> str:
        return self.offered_as
