"""The link that shows a thread to whoever has it."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router

from chat import shares
from chat.api.answers import CONFLICT, MISSING, REFUSALS, done, json
from chat.api.doors import caller_of
from chat.api.problems import Problem
from chat.api.schemas import ShareView
from chat.errors import NothingToShare
from chat.protocol.events import timestamp
from chat.shares import Shared

router = Router(tags=["threads"])


@router.post(
    "/threads/{thread_id}/share", response={200: ShareView, **REFUSALS, **MISSING, **CONFLICT}
)
def share_thread(request: HttpRequest, thread_id: str) -> HttpResponse:
    """Let the thread's one link show the branch that is shown now, as far as it is answered."""
    try:
        shared = shares.share_thread(user=caller_of(request).user, thread_id=thread_id)
    except NothingToShare:
        raise Problem(
            HTTPStatus.CONFLICT,
            "nothing_to_share",
            "Nothing is answered here yet. Wait for the first answer.",
        ) from None
    return _told(request, shared)


@router.get(
    "/threads/{thread_id}/share", response={200: ShareView, 204: None, **REFUSALS, **MISSING}
)
def read_share(request: HttpRequest, thread_id: str) -> HttpResponse:
    """The thread's link; no content where it has none."""
    shared = shares.share_of(user=caller_of(request).user, thread_id=thread_id)
    return done() if shared is None else _told(request, shared)


@router.delete("/threads/{thread_id}/share", response={204: None, **REFUSALS, **MISSING})
def revoke_share(request: HttpRequest, thread_id: str) -> HttpResponse:
    """Let the link show nothing any more; another one is made when the thread is shared again."""
    shares.revoke_share(user=caller_of(request).user, thread_id=thread_id)
    return done()


def _told(request: HttpRequest, shared: Shared) -> HttpResponse:
    return json(
        {
            "share_id": shared.share_id,
            "url": request.build_absolute_uri(reverse("share", args=[shared.token])),
            "created_at": timestamp(shared.created_at),
            "messages": shared.messages,
        }
    )
