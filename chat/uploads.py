"""Files that users upload: taken by their content, kept for a message, removed with their rows."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.core.files.base import File as DjangoFile
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from msgspec import Struct

from accounts.models import User
from billing.selectors import entitlements_of
from billing.tiers import Tier
from chat.errors import ThreadFilesFull
from chat.files.allowances import ALLOWANCES, MIB, Allowance
from chat.files.dimensions import dimensions_of
from chat.files.kinds import SNIFFED_BYTES, FileKind, MediaType, media_type_of, promised_by
from chat.models import File, Thread

UNSENT_FILES_MAX: Final = 50
UNSENT_FILE_LIFE: Final = timedelta(days=1)
UNSENT_FILES_DROPPED_MAX: Final = 100
# Decoded, an image takes up to 4 bytes a pixel in the worker that shows it to a model.
IMAGE_SIDE_MAX: Final = 12_000
IMAGE_PIXELS_MAX: Final = 50_000_000


class UploadRefused(Exception):
    """The file cannot be taken; `message` says what to do."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status
        self.code = code
        self.message = message


class Content(Struct, frozen=True, kw_only=True):
    """What an upload holds; measured where it is an image."""

    media_type: MediaType
    width: int | None = None
    height: int | None = None


def store_file(*, user: User, name: str, content: "DjangoFile[bytes]") -> File:
    """Keep an uploaded file for a later message of this user; raises UploadRefused."""
    _require_room(user, content.size)
    held = content_of(name, content)
    file = File(
        user=user,
        name=name[:255],
        bytes=content.size,
        media_type=held.media_type.value,
        width=held.width,
        height=held.height,
    )
    file.content.save(name, content, save=False)
    file.save()
    return file


def allowance_of(user: User) -> Allowance:
    """How much the user's plan lets them attach."""
    return ALLOWANCES[Tier(entitlements_of(user).tier)]


def file_bytes_max(user: User) -> int:
    return min(settings.FILE_BYTES_MAX, allowance_of(user).file_bytes)


def content_of(name: str, content: "DjangoFile[bytes]") -> Content:
    """What a file holds; raises UploadRefused for what cannot be read or is not what it seems."""
    content.seek(0)
    media_type = media_type_of(content.read(SNIFFED_BYTES))
    content.seek(0)
    if media_type is None:
        raise UploadRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "file_type_unknown",
            "Only text, PDF and images (PNG, JPEG, WebP, GIF) can be read here.",
        )
    promised = promised_by(name)
    if promised not in (None, media_type):
        raise UploadRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "file_type_mismatch",
            f"The name of this file promises {promised.words}, but it holds {media_type.words}. "
            "Rename it, and add it again.",
        )
    if media_type.kind is not FileKind.IMAGE:
        return Content(media_type=media_type)
    return _measured(media_type, content)


def require_room_in(thread: Thread, *, user: User, files: list[File]) -> None:
    """Raise ThreadFilesFull where the thread's files would be more than the plan allows."""
    kept = File.objects.filter(message__thread=thread).aggregate(total=Sum("bytes"))["total"] or 0
    if kept + sum(file.bytes for file in files) > allowance_of(user).thread_bytes:
        raise ThreadFilesFull


def remove_files(files: QuerySet[File]) -> int:
    """Remove files with what the storage holds of them; gives how many.

    The content goes first: a row without it is tried again, content without a row never.
    """
    with transaction.atomic():
        # Nobody takes one of them meanwhile.
        held = list(files.select_for_update(of=("self",)))
        for file in held:
            file.content.delete(save=False)
        File.objects.filter(pk__in=[file.pk for file in held]).delete()
    return len(held)


def drop_unsent_files() -> int:
    """Remove uploads that no message took within a day; gives how many, bounded."""
    old = File.objects.filter(message=None, created_at__lt=timezone.now() - UNSENT_FILE_LIFE)
    some = old.order_by("pk").values_list("pk", flat=True)[:UNSENT_FILES_DROPPED_MAX]
    return remove_files(File.objects.filter(pk__in=list(some), message=None))


def _require_room(user: User, size: int) -> None:
    """Refuse what is empty, too large, or one too many; before anything of it is read."""
    most = file_bytes_max(user)
    if size > most:
        raise UploadRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "file_too_large",
            f"With your plan a file may have {most // MIB} MiB. Split it, or make it smaller.",
        )
    if not size:
        raise UploadRefused(HTTPStatus.BAD_REQUEST, "file_empty", "The file is empty.")
    if File.objects.filter(user=user, message=None).count() >= UNSENT_FILES_MAX:
        raise UploadRefused(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_files",
            "Many files wait to be sent already. Send some of them first.",
        )


def _measured(media_type: MediaType, content: "DjangoFile[bytes]") -> Content:
    found = dimensions_of(media_type, content)
    content.seek(0)
    if found is None:
        raise UploadRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "file_damaged",
            "This image is damaged: its size cannot be read. Save it anew, and add it again.",
        )
    width, height = found
    if max(found) > IMAGE_SIDE_MAX or width * height > IMAGE_PIXELS_MAX:
        raise UploadRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "image_too_large",
            f"An image may have {IMAGE_PIXELS_MAX // 1_000_000} million pixels, "
            f"{IMAGE_SIDE_MAX:,} on a side. Make it smaller.",
        )
    return Content(media_type=media_type, width=width, height=height)
