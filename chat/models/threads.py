"""Threads and their messages."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone

from chat.indexing import MESSAGE_WORDS, TITLE_WORDS
from netra.ids import MessageID, ThreadID


def new_thread_id() -> str:
    return ThreadID.new()


def new_message_id() -> str:
    return MessageID.new()


class Thread(models.Model):
    """A conversation of one user; `head` is the seq of its newest event."""

    public_id = models.CharField(max_length=48, unique=True, default=new_thread_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="threads"
    )
    # What a client of another protocol, which makes the ids itself, calls it.
    external_id = models.CharField(max_length=128, null=True, editable=False)
    title = models.CharField(max_length=200, blank=True)
    # A person gave it: no automatic one takes its place.
    has_own_title = models.BooleanField(default=False, db_default=False)
    # The id of the model that the user chose; empty for the default.
    model_choice = models.CharField(max_length=48, blank=True)
    head = models.BigIntegerField(default=0, editable=False)
    # Where the branch ends that is shown; the next message follows it.
    tip = models.ForeignKey("chat.Run", on_delete=models.SET_NULL, null=True, related_name="+")
    # By its public id: a row of the list is told without a join.
    folder = models.ForeignKey(
        "chat.Folder",
        on_delete=models.SET_NULL,
        null=True,
        to_field="public_id",
        related_name="threads",
        db_index=False,
    )
    is_pinned = models.BooleanField(default=False, db_default=False)
    is_archived = models.BooleanField(default=False, db_default=False)
    # Where its newest ended answer lies in the log, and how far the user has read.
    answered_seq = models.BigIntegerField(default=0, db_default=0, editable=False)
    read_seq = models.BigIntegerField(default=0, db_default=0, editable=False)
    # Of a deleted thread: until then it lies in the bin.
    purge_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("user", "external_id", name="thread_external_id_once"),
            models.CheckConstraint(
                condition=models.Q(read_seq__lte=models.F("head")), name="thread_read_what_is_there"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # One for each list, so that none reads past the rows of another.
            models.Index(
                fields=["user", "-updated_at"],
                condition=models.Q(is_archived=False, purge_at=None),
                name="thread_user_active",
            ),
            models.Index(
                fields=["user", "-updated_at"],
                condition=models.Q(is_archived=True, purge_at=None),
                name="thread_user_archived",
            ),
            models.Index(
                fields=["user", "-updated_at"],
                condition=models.Q(purge_at__isnull=False),
                name="thread_user_deleted",
            ),
            models.Index(
                fields=["folder", "-updated_at"],
                condition=models.Q(folder__isnull=False),
                name="thread_folder_newest",
            ),
            models.Index(
                fields=["purge_at"],
                condition=models.Q(purge_at__isnull=False),
                name="thread_purge_due",
            ),
            GinIndex(TITLE_WORDS, name="thread_title_words"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_unread(self) -> bool:
        return self.answered_seq > self.read_seq

    @property
    def is_deleted(self) -> bool:
        return self.purge_at is not None

    @property
    def is_gone(self) -> bool:
        """Whether it can no longer be restored, though a worker may have yet to remove it."""
        return self.purge_at is not None and self.purge_at <= timezone.now()


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
