"""Files that users upload; their contents lie in a storage, this is what is known of them."""

from pathlib import PurePath
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.utils import timezone

from chat.files.kinds import IMAGES, FileKind, MediaType
from netra.ids import FileID

_MEASURED: Final = [one.value for one in IMAGES]


def new_file_id() -> str:
    return FileID.new()


def file_path(file: "File", _name: str) -> str:
    # The name a user gave never becomes a path.
    return f"{file.public_id[-2:]}/{file.public_id}{PurePath(file.name).suffix[:8].lower()}"


class File(models.Model):
    """A file a user uploaded; it belongs to a message once one names it."""

    public_id = models.CharField(max_length=48, unique=True, default=new_file_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="files"
    )
    message = models.ForeignKey(
        "chat.Message", on_delete=models.CASCADE, null=True, related_name="files"
    )
    name = models.CharField(max_length=255)
    bytes = models.PositiveIntegerField()
    # What it holds, told from its content.
    media_type = models.CharField(
        max_length=32,
        choices=[(one.value, one.value) for one in MediaType],
        default=MediaType.TEXT.value,
        db_default=MediaType.TEXT.value,
    )
    # In pixels, of an image.
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    content = models.FileField(upload_to=file_path)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(
                    media_type__in=_MEASURED,
                    # What is unknown would pass a comparison.
                    width__isnull=False,
                    height__isnull=False,
                    width__gt=0,
                    height__gt=0,
                )
                | (~models.Q(media_type__in=_MEASURED) & models.Q(width=None, height=None)),
                name="file_measured_exactly_when_image",
            )
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def kind(self) -> FileKind:
        return MediaType(self.media_type).kind
