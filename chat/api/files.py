"""One's own files: kept for a later message, listed, fetched."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final

from asgiref.sync import sync_to_async
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from ninja import File as Upload
from ninja import Router
from ninja.files import UploadedFile

from chat import selectors, uploads
from chat.api.answers import MISSING, REFUSALS, json
from chat.api.doors import caller_of
from chat.api.pages import Cursor, Limit
from chat.api.problems import Problem
from chat.api.schemas import FilePage, FileView, ProblemView
from chat.files.kinds import IMAGES, FileKind
from chat.models import File, public_id
from chat.protocol.events import timestamp
from chat.uploads import UploadRefused
from netra.ids import FileID

router = Router(tags=["files"])
CHUNK_BYTES: Final = 64 * 1024
UPLOAD_REFUSALS: Final[dict[int, Any]] = {415: ProblemView}


@router.get("/files", response={200: FilePage, **REFUSALS})
def list_files(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> HttpResponse:
    """Your files, the newest first."""
    before = None if cursor is None else public_id(FileID, cursor)
    if before is None and cursor is not None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_cursor",
            "Send the cursor as the page before gave it in `next`, or none.",
        )
    user = caller_of(request).user
    found = selectors.files_before(user=user.pk, before=before, limit=limit + 1)
    last = found[limit - 1].public_id if len(found) > limit else None
    return json({"files": [_told(file) for file in found[:limit]], "next": last})


@router.post("/files", response={201: FileView, **REFUSALS, **UPLOAD_REFUSALS})
def upload_file(request: HttpRequest, file: Annotated[UploadedFile, Upload()]) -> HttpResponse:
    """Keep a file for a message that names it; one that no message takes is gone after a day."""
    user = caller_of(request).user
    try:
        stored = uploads.store_file(user=user, name=file.name or "file", content=file)
    except UploadRefused as refused:
        raise Problem(refused.status, refused.code, refused.message) from None
    return json(_told(stored), status=HTTPStatus.CREATED)


@router.get("/files/{file_id}", response={200: FileView, **REFUSALS, **MISSING})
def read_file(request: HttpRequest, file_id: str) -> HttpResponse:
    """What is known of a file; its content is at `/files/{file_id}/content`."""
    return json(_told(_file(request, file_id)))


@router.get(
    "/files/{file_id}/content",
    response={**REFUSALS, **MISSING},
    openapi_extra={
        "responses": {
            200: {
                "description": "The file as it was uploaded.",
                "content": {
                    kind: {"schema": {"type": "string"}}
                    for kind in ("application/octet-stream", *IMAGES)
                },
            }
        }
    },
)
def download_file(request: HttpRequest, file_id: str) -> HttpResponseBase:
    """The content of a file: a page can show an image, nothing else is more than a download."""
    file = _file(request, file_id)
    is_image = file.kind is FileKind.IMAGE
    headers = {
        "Content-Type": file.media_type if is_image else "application/octet-stream",
        "Content-Length": str(file.bytes),
        "Content-Disposition": content_disposition_header(True, file.name) or "attachment",  # noqa: FBT003  Django's
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    if not file.content.storage.exists(file.content.name or ""):
        raise _missing()
    return StreamingHttpResponse(_chunks(file.content), headers=headers)


async def _chunks(content: FieldFile) -> AsyncIterator[bytes]:
    """The content, read beside the event loop; closed however the reading ends."""
    await sync_to_async(content.open, thread_sensitive=False)("rb")
    try:
        while chunk := await sync_to_async(content.read, thread_sensitive=False)(CHUNK_BYTES):
            yield chunk
    finally:
        content.close()


def _file(request: HttpRequest, file_id: str) -> File:
    file = selectors.file_of(user=caller_of(request).user.pk, file_id=file_id)
    if file is None:
        raise _missing()
    return file


def _missing() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not_found", "There is no such file.")


def _told(file: File) -> dict[str, object]:
    return {
        "file_id": file.public_id,
        "name": file.name,
        "bytes": file.bytes,
        "kind": file.kind.value,
        "width": file.width,
        "height": file.height,
        "message_id": file.message.public_id if file.message else None,
        "created_at": timestamp(file.created_at),
    }
