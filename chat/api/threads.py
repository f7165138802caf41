"""Threads: listed, read, followed, exported."""

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Header, Query, Router

from chat import archive, deletion, selectors, snapshots, threads
from chat.api import streams
from chat.api.answers import MISSING, REFUSALS, done, json
from chat.api.doors import caller_of
from chat.api.pages import Cursor, Limit, cursor_of, place_of
from chat.api.schemas import ID, SEQ_MAX, MessagePage, ThreadChange, ThreadPage, ThreadView
from chat.api.streams import FrameForm, Position, ThreadStream
from chat.errors import FolderNotFound, ThreadNotFound
from chat.models import Thread
from chat.selectors import ThreadsOf, ThreadState
from chat.threads import Changes
from netra.replica import read_history

router = Router(tags=["threads"])


@router.get("/threads", response={200: ThreadPage, **REFUSALS, **MISSING})
def list_threads(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: ThreadState = "active",
    folder_id: Annotated[ID | None, Query()] = None,
    pinned: bool | None = None,
) -> HttpResponse:
    """Your threads, the newest first; `active` are those neither archived nor deleted."""
    user = caller_of(request).user
    if folder_id is not None and not selectors.has_folder(user=user.pk, folder_id=folder_id):
        raise FolderNotFound
    rows, place = selectors.threads_before(
        user=user.pk,
        before=place_of(cursor),
        limit=limit,
        which=ThreadsOf(state=state, folder_id=folder_id, pinned=pinned),
    )
    return json({"threads": rows, "next": place and cursor_of(place)})


@router.get("/threads/{thread_id}", response={200: ThreadView, **REFUSALS, **MISSING})
def read_thread(request: HttpRequest, thread_id: str) -> HttpResponse:
    """One thread; its messages are at `/threads/{thread_id}/messages`."""
    return json(selectors.thread_row(thread=_thread(request, thread_id)))


@router.patch("/threads/{thread_id}", response={200: ThreadView, **REFUSALS, **MISSING})
def change_thread(request: HttpRequest, thread_id: str, change: ThreadChange) -> HttpResponse:
    """Rename, pin, archive, put into a folder, or note how far it was read."""
    row = threads.change_thread(
        user=caller_of(request).user,
        thread_id=thread_id,
        changes=Changes(**change.model_dump(exclude_unset=True)),
    )
    return json(row)


@router.delete("/threads/{thread_id}", response={204: None, **REFUSALS, **MISSING})
def delete_thread(request: HttpRequest, thread_id: str, forever: bool = False) -> HttpResponse:
    """Put a thread into the bin for 30 days, or remove it at once, from there too."""
    delete = deletion.delete_for_ever if forever else deletion.delete_thread
    delete(user=caller_of(request).user, thread_id=thread_id)
    return done()


@router.post("/threads/{thread_id}/restore", response={200: ThreadView, **REFUSALS, **MISSING})
def restore_thread(request: HttpRequest, thread_id: str) -> HttpResponse:
    """Take a thread out of the bin, to where it was."""
    return json(deletion.restore_thread(user=caller_of(request).user, thread_id=thread_id))


@router.get("/threads/{thread_id}/messages", response={200: MessagePage, **REFUSALS, **MISSING})
def list_messages(
    request: HttpRequest, thread_id: str, limit: Limit = 50, cursor: Cursor = None
) -> HttpResponse:
    """The branch that is shown: so many questions with their answers, oldest first.

    The page after has those before them.
    """
    thread = _thread(request, thread_id)
    if cursor is not None and "\0" in cursor:
        raise ThreadNotFound
    page = read_history(snapshots.page, thread=thread, before=cursor, limit=limit)
    return json({"messages": page.messages, "next": page.first_run})


@router.get(
    "/threads/{thread_id}/events",
    response={**REFUSALS, **MISSING},
    openapi_extra={
        "responses": {
            200: {
                "description": "Frames of `netra.v1`, as in docs/protocol.md: snapshot, events and "
                "delta, each with its position as `id`. A comment every 15 s. `end` says why the "
                "server closes: come back with `Last-Event-ID`, but not after access_ended.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        }
    },
)
def follow_thread(
    request: HttpRequest,
    thread_id: str,
    after: Annotated[int | None, Query(ge=0, le=SEQ_MAX)] = None,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", pattern=r"^[0-9]{1,18}$")
    ] = None,
) -> HttpResponseBase:
    """What happens in a thread, as it happens (SSE).

    Begins after the event with that `seq`; without one, with the thread as it stands.
    """
    thread = _thread(request, thread_id)
    after_seq = int(last_event_id) if last_event_id is not None else after
    position = Position(thread=thread, thread_id=thread_id, after_seq=after_seq)
    return streams.answer(ThreadStream(caller_of(request), position, FrameForm()))


@router.get(
    "/threads/{thread_id}/export",
    response={**REFUSALS, **MISSING},
    openapi_extra={
        "responses": {
            200: {
                "description": "The whole thread, every branch of it.",
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/markdown": {"schema": {"type": "string"}},
                },
            }
        }
    },
)
def export_thread(
    request: HttpRequest, thread_id: str, form: Literal["json", "markdown"] = "json"
) -> HttpResponse:
    """All messages of a thread, for keeping. The export of an account is in its pages."""
    thread = Thread.objects.get(pk=_thread(request, thread_id))
    ending, write = ("json", archive.as_json) if form == "json" else ("md", archive.as_markdown)
    content = read_history(lambda: b"".join(write(thread)))
    kind = "application/json" if form == "json" else "text/markdown; charset=utf-8"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{thread.public_id}.{ending}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _thread(request: HttpRequest, thread_id: str) -> int:
    key = selectors.thread_key(user=caller_of(request).user.pk, thread_id=thread_id)
    if key is None:
        raise ThreadNotFound
    return key
