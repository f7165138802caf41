"""Bounds of lists, and where in one a page ends."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from ninja import Query

from chat.api.problems import Problem
from chat.selectors import ThreadPlace

Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=128, description="`next` of the page before.")]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MICROSECONDS_MAX: Final = 253_402_300_799_999_999  # the year 9999


def cursor_of(place: ThreadPlace) -> str:
    return f"{(place.updated_at - _EPOCH) // _MICROSECOND}.{place.thread_id}"


def place_of(cursor: str | None) -> ThreadPlace | None:
    """Where the next page begins; raises Problem for what no page has given."""
    if cursor is None:
        return None
    number, _, thread_id = cursor.partition(".")
    is_number = number.isascii() and number.isdigit() and len(number) <= 18
    if not is_number or int(number) > _MICROSECONDS_MAX or "\0" in thread_id:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_cursor",
            "Send the cursor as the page before gave it in `next`, or none.",
        )
    return ThreadPlace(updated_at=_EPOCH + int(number) * _MICROSECOND, thread_id=thread_id)
