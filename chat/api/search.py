"""Search in titles and messages."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from accounts.models import User
from chat import search
from chat.api.answers import REFUSALS, json
from chat.api.doors import caller_of
from chat.api.pages import Cursor, Limit
from chat.api.problems import Problem
from chat.api.schemas import FoundPage
from chat.models import Message, Thread, public_id
from netra.ids import MessageID, ThreadID
from netra.replica import read_history

router = Router(tags=["threads"])
Words = Annotated[str, Query(min_length=1, max_length=200, description="The last may be cut off.")]


@router.get("/search", response={200: FoundPage, **REFUSALS})
def search_threads(
    request: HttpRequest, q: Words, limit: Limit = 20, cursor: Cursor = None
) -> HttpResponse:
    """Your threads that hold all the words, in their titles or in what was said."""
    user = caller_of(request).user
    after = None if cursor is None else _place(user, cursor)
    found, last = read_history(search.search, q, user=user.pk, after=after, limit=limit)
    return json({"results": found, "next": last})


def _place(user: User, cursor: str) -> Thread | Message:
    """Where the next page begins; raises Problem for what no page has given."""
    place: Thread | Message | None = None
    if public_id(ThreadID, cursor):
        place = Thread.objects.filter(public_id=cursor, user=user).first()
    elif public_id(MessageID, cursor):
        place = Message.objects.filter(public_id=cursor, user=user).first()
    if place is None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_cursor",
            "Send the cursor as the page before gave it in `next`, or none.",
        )
    return place
