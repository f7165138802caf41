"""The same fake, speaking Anthropic's streaming messages protocol; scripts are OpenAI's fake's.

`Say.thinking` becomes a signed block of thoughts. `Refuse.kind` is the error's type.
"""

import json
from collections.abc import Iterator, Mapping

from tests.fakes.openai_server import Answer, CallTool, FakeOpenAI, Refuse, Say, pieces

SIGNATURE = "c2lnbmVk"
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_REASONS = {"stop": "end_turn", "length": "max_tokens"}


class FakeAnthropic(FakeOpenAI):
    """The server; its address has no version, as the real one's."""

    @property
    def url(self) -> str:
        return super().url.removesuffix("/v1")

    def error_body(self, answer: Refuse) -> Mapping[str, object]:
        kind = answer.kind or _KINDS.get(answer.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": answer.message}}

    def frames(self, answer: Answer, model: str) -> Iterator[str]:
        begun: dict[str, object] = {
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 11, "output_tokens": 1},
        }
        yield _frame("message_start", message=begun)
        index = 0
        if isinstance(answer, Say) and answer.thinking:
            block: dict[str, object] = {"type": "thinking", "thinking": "", "signature": ""}
            yield _frame("content_block_start", index=index, content_block=block)
            yield _delta(index, "thinking_delta", thinking=answer.thinking)
            yield _delta(index, "signature_delta", signature=SIGNATURE)
            yield _frame("content_block_stop", index=index)
            index += 1
        if not isinstance(answer, Refuse) and answer.text:
            is_whole = isinstance(answer, Say | CallTool)
            yield from _text(index, answer.text, is_whole=is_whole)
            index += 1
        match answer:
            case Say(text, finish=str(finish)):
                yield _ending(_REASONS[finish], len(text))
            case CallTool():
                yield from _call(index, answer)
            case _:
                pass

    def last_frame(self) -> str:
        return _frame("message_stop")

    def broken_frame(self) -> str:
        return 'event: content_block_delta\ndata: {"type": "content_block_delta", "del\n\n'


def _text(index: int, text: str, *, is_whole: bool) -> Iterator[str]:
    yield _frame("content_block_start", index=index, content_block={"type": "text", "text": ""})
    for piece in pieces(text):
        yield _delta(index, "text_delta", text=piece)
    if is_whole:
        yield _frame("content_block_stop", index=index)


def _call(index: int, answer: CallTool) -> Iterator[str]:
    block = {"type": "tool_use", "id": answer.call_id, "name": answer.name, "input": {}}
    yield _frame("content_block_start", index=index, content_block=block)
    given = answer.arguments
    spelled = given if isinstance(given, str) else json.dumps(given)
    for half in (spelled[: len(spelled) // 2], spelled[len(spelled) // 2 :]):
        yield _delta(index, "input_json_delta", partial_json=half)
    yield _frame("content_block_stop", index=index)
    yield _ending("tool_use", len(spelled))


def _ending(reason: str, tokens: int) -> str:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return _frame("message_delta", delta=delta, usage={"output_tokens": tokens})


def _delta(index: int, kind: str, **told: object) -> str:
    return _frame("content_block_delta", index=index, delta={"type": kind, **told})


def _frame(event: str, **data: object) -> str:
    return f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n"
