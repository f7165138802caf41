"""What agents do: runs and their tool calls, what people think of an answer, what was used."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from chat.models.threads import Thread
from chat.runs.lifecycle import ACTIVE, UNFINISHED, CallState, RunState
from netra.ids import RunID


def new_run_id() -> str:
    return RunID.new()


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


class Rating(models.TextChoices):
    UP = "up"
    DOWN = "down"


class FeedbackReason(models.TextChoices):
    WRONG = "wrong", "wrong"
    UNSAFE = "unsafe", "unsafe"
    NOT_HELPFUL = "not_helpful", "not helpful"
    TOO_LONG = "too_long", "too long"
    OTHER = "other", "other"


class Feedback(models.Model):
    """What the user thinks of an answer; the newest opinion takes the place of the one before."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="feedback")
    rating = models.CharField(max_length=8, choices=Rating.choices)
    reason = models.CharField(max_length=16, choices=FeedbackReason.choices, blank=True)
    comment = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        verbose_name_plural = "feedback"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(rating__in=Rating.values), name="feedback_rating"
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=["", *FeedbackReason.values]), name="feedback_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rating} {self.run_id}"


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
