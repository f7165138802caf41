"""What is said: threads, messages, runs, tool calls, files, the log of events; how it arrived."""

from pathlib import PurePath
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import MD5
from django.utils import timezone

from chat.indexing import MESSAGE_WORDS
from chat.mcp_rows import McpServer as McpServer
from chat.mcp_rows import McpTool as McpTool
from chat.model_rows import AgentModel as AgentModel
from chat.runs.lifecycle import ACTIVE, UNFINISHED, CallState, RunState
from netra.ids import FileID, MessageID, PublicID, RunID, ThreadID


def new_thread_id() -> str:
    return ThreadID.new()


def new_message_id() -> str:
    return MessageID.new()


def new_run_id() -> str:
    return RunID.new()


def new_file_id() -> str:
    return FileID.new()


def file_path(file: "File", _name: str) -> str:
    # The name a user gave never becomes a path.
    return f"{file.public_id[-2:]}/{file.public_id}{PurePath(file.name).suffix[:8].lower()}"


class Thread(models.Model):
    """A conversation of one user; `head` is the seq of its newest event."""

    public_id = models.CharField(max_length=48, unique=True, default=new_thread_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="threads"
    )
    title = models.CharField(max_length=200, blank=True)
    # The id of the model that the user chose; empty for the default.
    model_choice = models.CharField(max_length=48, blank=True)
    head = models.BigIntegerField(default=0, editable=False)
    # Where the branch ends that is shown; the next message follows it.
    tip = models.ForeignKey("chat.Run", on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-updated_at"], name="thread_user_newest")
        ]

    def __str__(self) -> str:
        return self.public_id


class Role(models.TextChoices):
    USER = "user"
    ASSISTANT = "assistant"


class Message(models.Model):
    """One turn's text; a user's message is stored once per `client_id`, for ever."""

    public_id = models.CharField(max_length=48, unique=True, default=new_message_id, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="messages")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="messages"
    )
    # The run that wrote it; null of a user's message.
    run = models.ForeignKey(
        "chat.Run", on_delete=models.CASCADE, null=True, related_name="messages"
    )
    # Of a user's message: the answer after which it was asked; null of a thread's first.
    after = models.ForeignKey(
        "chat.Run", on_delete=models.CASCADE, null=True, related_name="followers"
    )
    # The first of the questions that are versions of one another, whose files they share.
    version_of = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="versions"
    )
    role = models.CharField(max_length=16, choices=Role.choices)
    text = models.TextField()
    seq = models.BigIntegerField()
    client_id = models.CharField(max_length=64, null=True)
    request_digest = models.CharField(max_length=64, blank=True)
    # Of the frame that last changed it while it waited, which a repeat finds by it.
    edited_by = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("user", "client_id", name="message_client_id_once"),
            models.UniqueConstraint("thread", "seq", name="message_seq_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [GinIndex(MESSAGE_WORDS, name="message_words")]

    def __str__(self) -> str:
        return self.public_id


class Run(models.Model):
    """An agent's answer to a message, maybe one of several.

    `attempt` fences a worker that was thought dead.
    """

    public_id = models.CharField(max_length=48, unique=True, default=new_run_id, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="runs")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="runs"
    )
    state = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in RunState], default=RunState.QUEUED.value
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    # Attempts that a worker gave back as it shut down; they do not count as failures.
    handovers = models.PositiveSmallIntegerField(default=0)
    # How often it has waited for an approval; each time it takes its place anew.
    waits = models.PositiveSmallIntegerField(default=0)
    trigger = models.CharField(max_length=16, default="send")
    question = models.ForeignKey("chat.Message", on_delete=models.CASCADE, related_name="answers")
    # Those of a higher one go first among the runs that wait in a thread.
    precedence = models.PositiveSmallIntegerField(default=0)
    # Of the frame that asked for a further answer, which a repeat finds by it.
    client_id = models.CharField(max_length=64, null=True)
    agent_name = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=128, blank=True)
    job_id = models.BigIntegerField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    # A running run whose lease has passed belongs to nobody.
    lease_until = models.DateTimeField(null=True)
    # The answer so far, at most half a second old while text streams.
    partial_text = models.TextField(blank=True)
    # Model messages after the last finished step, as JSON, and how much text they cover.
    history = models.TextField(blank=True)
    history_length = models.PositiveIntegerField(default=0)
    usage = models.JSONField(default=dict)
    error = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "thread",
                condition=models.Q(state__in=sorted(ACTIVE)),
                name="run_one_active_per_thread",
            ),
            models.UniqueConstraint("user", "client_id", name="run_client_id_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(UNFINISHED), ended_at=None)
                | (~models.Q(state__in=sorted(UNFINISHED)) & ~models.Q(ended_at=None)),
                name="run_ended_exactly_when_terminal",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                "thread",
                "id",
                condition=models.Q(state__in=sorted(UNFINISHED)),
                name="run_unfinished",
            ),
            models.Index(fields=["user", "-created_at"], name="run_user_newest"),
        ]

    def __str__(self) -> str:
        return self.public_id


class ToolCall(models.Model):
    """The journal of a run's tool calls: each is executed once, over all attempts."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tool_calls")
    call_id = models.CharField(max_length=128)
    tool_name = models.CharField(max_length=128)
    args = models.TextField()
    status = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in CallState], default=CallState.RUNNING
    )
    # Until then the user may decide about a call that waits for them.
    expires_at = models.DateTimeField(null=True)
    result = models.TextField(blank=True)
    error = models.JSONField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    elapsed_ms = models.PositiveIntegerField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("run", "call_id", name="tool_call_once")
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} {self.call_id}"


class Event(models.Model):
    """A row of a thread's log; `(thread, seq)` is the one order of truth."""

    thread = models.ForeignKey(
        Thread, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    seq = models.BigIntegerField()
    type = models.CharField(max_length=32)
    # The run's public id: what the wire needs, without a join.
    run_id = models.CharField(max_length=48, null=True)
    agent_name = models.CharField(max_length=64, null=True)
    ts = models.DateTimeField(default=timezone.now)
    # JSON text, stored and sent as it was encoded; jsonb would refuse an escaped U+0000.
    data = models.TextField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("thread", "seq", name="event_seq_once"),
            models.CheckConstraint(condition=models.Q(seq__gt=0), name="event_seq_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class DeliveryKind(models.TextChoices):
    """What happened to a message on its way, after it was stored."""

    PUBLISHED = "published"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


class DeliveryStep(models.Model):
    """What one process noted of a message's way, as far as it could; pruned after days."""

    # Public ids: rows are written in bulk beside the delivery, and need nothing looked up.
    thread_id = models.CharField(max_length=48)
    seq = models.BigIntegerField()
    step = models.CharField(max_length=16, choices=DeliveryKind.choices)
    # Empty where the message was published: that is for every connection.
    connection_id = models.CharField(max_length=48, blank=True)
    node = models.CharField(max_length=80)
    # By the clock of the process that noted it.
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "thread_id", "seq", "step", "connection_id", name="delivery_step_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.step}"


class LetterState(models.TextChoices):
    WAITING = "waiting"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class DeadLetter(models.Model):
    """A frame that failed at every attempt, kept until an operator replays or discards it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dead_letters"
    )
    connection_id = models.CharField(max_length=48)
    client_id = models.CharField(max_length=64, null=True)
    frame_type = models.CharField(max_length=16)
    # JSON text, encoded again from what was decoded: unknown fields are not kept.
    frame = models.TextField()
    error_class = models.CharField(max_length=100)
    error_text = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField()
    state = models.CharField(
        max_length=16, choices=LetterState.choices, default=LetterState.WAITING
    )
    created_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    outcome = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A client sends what failed again and again: that is one letter, not many.
            models.UniqueConstraint(
                "user",
                MD5("frame"),
                condition=models.Q(state=LetterState.WAITING),
                name="dead_letter_waits_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state=LetterState.WAITING, resolved_at=None)
                | (~models.Q(state=LetterState.WAITING) & ~models.Q(resolved_at=None)),
                name="dead_letter_resolved_exactly_when_not_waiting",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-created_at"], name="dead_letter_newest"),
            models.Index(
                fields=["resolved_at"],
                condition=~models.Q(state=LetterState.WAITING),
                name="dead_letter_resolved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.frame_type} of {self.created_at:%Y-%m-%d %H:%M:%S}"


class Node(models.Model):
    """A web process, for as long as it beats; `name` is what the places of its sockets carry."""

    name = models.CharField(max_length=80, primary_key=True)
    connections = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    # Both by the database's clock, which all processes share.
    beat_at = models.DateTimeField(default=timezone.now)
    drain_requested_at = models.DateTimeField(null=True)
    # What the process itself says of it: it takes nobody any more.
    draining = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class File(models.Model):
    """A file a user uploaded; it belongs to a message once one names it."""

    public_id = models.CharField(max_length=48, unique=True, default=new_file_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="files"
    )
    message = models.ForeignKey(Message, on_delete=models.CASCADE, null=True, related_name="files")
    name = models.CharField(max_length=255)
    bytes = models.PositiveIntegerField()
    content = models.FileField(upload_to=file_path)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.public_id


class DailyUsage(models.Model):
    """What runs of a user that ended on a day (UTC) used, by model; it outlives their threads."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="daily_usage"
    )
    day = models.DateField(db_index=True)
    model = models.CharField(max_length=128)
    runs = models.PositiveIntegerField()
    requests = models.PositiveIntegerField()
    # Those that `cost_usd` leaves out, since nobody knows what they cost.
    unpriced_requests = models.PositiveIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    elapsed_ms = models.PositiveBigIntegerField()
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12)

    class Meta:
        verbose_name_plural = "daily usage"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("user", "day", "model", name="daily_usage_once"),
            models.CheckConstraint(
                condition=models.Q(cost_usd__gte=0), name="daily_usage_cost_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} on {self.day}"


def public_id(kind: type[PublicID], text: str) -> str | None:
    """`text` when it is an id of that kind, else None: such a row cannot exist."""
    try:
        return kind(text)
    except ValueError:
        return None
