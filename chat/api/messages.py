"""Sending: stored once per `client_id`, answered at once or with the answer as it is written."""

from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router

from chat import services
from chat.api import streams
from chat.api.answers import CONFLICT, MISSING, REFUSALS, json
from chat.api.doors import caller_of
from chat.api.schemas import Ack, MessageIn
from chat.api.streams import FrameForm, Position, ThreadStream
from netra import traces

router = Router(tags=["messages"])
EVENT_STREAM: Final = "text/event-stream"
_STREAMED: Final[dict[str, Any]] = {
    "responses": {
        201: {
            "content": {
                EVENT_STREAM: {
                    "schema": {"type": "string", "description": "`ack`, then as for a thread."}
                }
            }
        }
    }
}


@router.post(
    "/messages",
    response={200: Ack, 201: Ack, **REFUSALS, **MISSING, **CONFLICT},
    openapi_extra=_STREAMED,
)
def send(request: HttpRequest, message: MessageIn) -> HttpResponseBase:
    """Send a message; without `thread_id` it begins a thread.

    Asked with `Accept: text/event-stream`, the answer is streamed until its run ends.
    """
    caller = caller_of(request)
    with traces.within(request.headers.get("traceparent", "")), traces.span("send"):
        posted = services.post_message(
            user=caller.user,
            message=services.Outgoing(
                client_id=message.client_id,
                text=message.text,
                thread_id=message.thread_id,
                files=tuple(message.files),
                interrupt=message.mode == "interrupt",
                model=message.model,
            ),
        )
    ack = {
        "client_id": message.client_id,
        "message_id": posted.message_id,
        "thread_id": posted.thread_id,
        "run_id": posted.run_id,
        "seq": posted.seq,
        "duplicate": posted.duplicate,
    }
    status = HTTPStatus.OK if posted.duplicate else HTTPStatus.CREATED
    if not request.accepts("application/json") and request.accepts(EVENT_STREAM):
        position = Position(
            thread=posted.thread, thread_id=posted.thread_id, after_seq=posted.seq - 1
        )
        stream = ThreadStream(caller, position, FrameForm(until_run=posted.run_id))
        response = streams.answer(stream, first=[streams.acknowledged(ack)])
        response.status_code = status
        return response
    return json(ack, status=status)
