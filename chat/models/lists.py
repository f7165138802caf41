"""What people make of their threads: folders they lie in, links that show them to others."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from netra.ids import FolderID, ShareID


def new_folder_id() -> str:
    return FolderID.new()


def new_share_id() -> str:
    return ShareID.new()


class Folder(models.Model):
    """A name under which a user keeps some of their threads."""

    public_id = models.CharField(max_length=48, unique=True, default=new_folder_id, editable=False)
    user = models.ForeignKey(
        # Its own index is the one of the names.
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="folders", db_index=False,
    )  # fmt: skip
    name = models.CharField(max_length=60)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("user", Lower("name"), name="folder_name_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="folder_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Share(models.Model):
    """A thread's one public link: it shows the branch that ends in `tip`, as it was then.

    The link is signed from the id and stored nowhere; a revoked share is a row that is gone.
    """

    public_id = models.CharField(max_length=48, unique=True, default=new_share_id, editable=False)
    thread = models.OneToOneField("chat.Thread", on_delete=models.CASCADE, related_name="share")
    tip = models.ForeignKey("chat.Run", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When it was last brought up to what the thread shows.
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.public_id
