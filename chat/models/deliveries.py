"""What the log holds and how it arrived; what could not be done; who delivers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import MD5
from django.utils import timezone

from chat.models.threads import Thread


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
